//! Real peers for tests of the weir binary: it is started as people start it and spoken to over sockets only.
