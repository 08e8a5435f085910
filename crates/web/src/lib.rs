//! What both consoles share: layout, templates, sign-in, sessions, request checks, showing mail safely.
