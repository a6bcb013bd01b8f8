import Logging

extension FieldMask {
    func mask(_ metadata: Logger.Metadata) -> Logger.Metadata {
        var masked = metadata
        for (name, value) in metadata { masked[name] = self.mask(value, under: name) }
        return masked
    }

    /// `value` without what must not be logged: nothing of it is left under a sensitive name.
    func mask(_ value: Logger.Metadata.Value, under name: String) -> Logger.Metadata.Value {
        self.replacement(under: name).map { .string($0) } ?? self.mask(value)
    }

    private func mask(_ value: Logger.Metadata.Value) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): self.mask(inText: text).map { .string($0) } ?? value
        case .stringConvertible(let convertible):
            self.mask(inText: convertible.description).map { .string($0) } ?? value
        case .dictionary(let metadata): .dictionary(self.mask(metadata))
        case .array(let values): .array(values.map { self.mask($0) })
        }
    }
}
