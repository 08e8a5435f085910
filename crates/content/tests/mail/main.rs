//! Opening mail, seen from outside: techniques that hide, mail that hides nothing, bounds, and octets of any kind.

mod bounds;
mod clean;
mod encoded;
mod evasions;
mod fuzzed;
mod opened;
mod passwords;
mod structure;
mod table;
mod texts;
