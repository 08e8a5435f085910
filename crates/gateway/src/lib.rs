//! Holds marked mail in content incident folders until told to deliver or delete it; its queue.
