"""The whole network over real sockets, in processes of its own, with official clients."""
