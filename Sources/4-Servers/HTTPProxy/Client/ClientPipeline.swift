import NIOCore

/// What handles a client's connection.
enum ClientPipeline {
    static func add(to channel: any Channel, of listener: ProxyListener, _ loop: ProxyLoop) throws {
        try channel.pipeline.syncOperations.addHandler(HTTP1Handler(loop, isSecure: false))
    }
}
