//! Memory that was freed, and that the allocator keeps.

/// Gives freed memory back to the system. glibc keeps what lies below anything still in use, so that a process which once
/// held much looks as if it held it for ever; what other allocators do is their own affair.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: malloc_trim(3) takes no pointer, changes nothing that is allocated, and is safe in any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
