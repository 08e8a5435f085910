//! Opening a small clean mail allocates little: its text is borrowed, its structure is a handful of small vectors.
#![allow(unsafe_code)] // A counting allocator is unsafe by its trait; it only adds one and hands on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use content::documents::InProcess;
use content::{How, Limits};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static OCTETS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        OCTETS.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and octets of opening a message once.
fn cost(message: &[u8]) -> (usize, usize) {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let how = How { limits: &limits, deadline, documents: &InProcess, passwords: &[], digests: false };
    let before = (ALLOCATIONS.load(Ordering::Relaxed), OCTETS.load(Ordering::Relaxed));
    let opened = content::open(message, &how);
    let after = (ALLOCATIONS.load(Ordering::Relaxed), OCTETS.load(Ordering::Relaxed));
    assert!(!opened.segments.is_empty());
    (after.0 - before.0, after.1 - before.1)
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn small_clean_mail_allocates_little() {
    let fields = "Received: from a.example by b.example; Mon, 1 Jan 2024 00:00:00 +0000\r\nFrom: a@example.com\r\nTo: b@example.org\r\n\
Subject: Lunch\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n";
    let body = "It is a long way to the office and a short one home.\r\n".repeat(70);
    let plain = format!(
        "{fields}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{body}"
    );
    let two = format!(
        "{fields}Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\n{body}\r\n\
--b1\r\nContent-Type: text/html\r\n\r\n<html><body><p>{body}</p></body></html>\r\n--b1--\r\n"
    );
    let (plain_count, plain_octets) = cost(plain.as_bytes());
    let (two_count, two_octets) = cost(two.as_bytes());
    println!("plain, {} octets: {plain_count} allocations of {plain_octets} octets", plain.len());
    println!("alternative, {} octets: {two_count} allocations of {two_octets} octets", two.len());
    assert!(plain_count <= 60, "{plain_count}");
    assert!(plain_octets <= 11_000, "{plain_octets}: the text is not borrowed");
    assert!(two_count <= 150, "{two_count}");
}
