//! What the benches share: a deterministic corpus of office mail, with no files from outside.
