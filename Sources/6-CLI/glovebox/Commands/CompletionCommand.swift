import ArgumentParser
import GloveboxCore

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print a script that completes this program's commands in a shell.",
        discussion: """
            bash:  glovebox completion bash > ~/.local/share/bash-completion/completions/glovebox
            zsh:   glovebox completion zsh > ~/.zfunc/_glovebox      (with ~/.zfunc in $fpath)
            fish:  glovebox completion fish > ~/.config/fish/completions/glovebox.fish
            """)

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() {
        let shell: CompletionShell =
            switch self.shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Terminal.show(Glovebox.completionScript(for: shell))
    }
}
