import ArgumentParser
import GloveboxCore

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Show this program's version.")

    @OptionGroup var output: OutputOptions

    func run() throws {
        if self.output.json { return try Terminal.show(json: ["version": GloveboxVersion.current]) }
        Terminal.show("glovebox \(GloveboxVersion.current)")
    }
}
