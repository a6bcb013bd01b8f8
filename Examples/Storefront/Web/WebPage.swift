/// The shop's one page.
enum WebPage {
    static func html(_ list: ProductList) -> String {
        let rows = list.products.map { product in
            let stock = product.available.map { $0 > 100 ? "plenty" : $0 > 0 ? "\($0)" : "sold out" } ?? "unknown"
            return """
                <tr id="\(Self.escaped(product.sku))"><td>\(Self.escaped(product.name))</td>\
                <td>\(Self.escaped(product.category))</td><td class="price">\(Self.escaped(product.prices["EUR"] ?? "")) EUR</td>\
                <td class="stock">\(stock)</td></tr>
                """
        }
        return """
            <!doctype html>
            <html lang="en">
            <head><meta charset="utf-8"><title>Storefront</title>
            <style>body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:44rem;padding:0 1rem}
            table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;text-align:left}
            .price,.stock{text-align:right}</style></head>
            <body>
            <h1>Storefront</h1>
            <table>
            <thead><tr><th>product</th><th>category</th><th class="price">price</th><th class="stock">in stock</th></tr></thead>
            <tbody>
            \(rows.joined(separator: "\n"))
            </tbody>
            </table>
            <footer><small>request \(Self.escaped(list.requestID)), \(Self.escaped(list.generatedAt))</small></footer>
            </body>
            </html>

            """
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for letter in text {
            switch letter {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(letter)
            }
        }
        return escaped
    }
}
