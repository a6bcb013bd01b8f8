import Foundation
import GloveboxCore
import Identity
import TestReports

/// A report that's written, as `--report junit=FILE` has it.
struct ReportFile: Sendable {
    enum Form: String, CaseIterable {
        case junit
        case tap
        case json
        case html
    }

    var form: Form
    var path: String

    /// - Throws: `invalid_argument`.
    init(_ text: String) throws(GloveboxError) {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, let form = Form(rawValue: parts[0]) else {
            throw GloveboxError(
                .invalidArgument,
                "a report is FORM=FILE, with the form one of \(Form.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self.form = form
        self.path = parts[1]
    }

    /// Before a run, so that none ends in nothing.
    /// - Throws: `file_unusable`.
    func checkPlace() throws(GloveboxError) {
        let folder = URL(fileURLWithPath: self.path).deletingLastPathComponent().path
        guard FileManager.default.isWritableFile(atPath: folder) else {
            throw GloveboxError(
                .fileUnusable, "can't write \(self.path): there's no folder \(folder) that you may write to")
        }
    }

    /// For its owner alone: what a test saw of production is in it, if masked.
    func write(_ report: TestReport) throws {
        let text =
            switch self.form {
            case .junit: report.junit
            case .tap: report.tap
            case .json: try report.json()
            case .html: report.html
            }
        try PrivateFile.write(Array(text.utf8), to: self.path)
    }
}
