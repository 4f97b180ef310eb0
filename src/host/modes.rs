//! The modes of the terminal on standard input, to be put back as they were found.

use std::mem::MaybeUninit;

/// Modes as they were found.
pub struct Modes(libc::termios);

impl Modes {
    /// Those of standard input; `None` where that is no terminal.
    #[allow(unsafe_code)]
    pub fn of_stdin() -> Option<Modes> {
        let mut modes = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: tcgetattr() fills `modes` in where it gives 0, and it is read only then.
        unsafe {
            (libc::tcgetattr(libc::STDIN_FILENO, modes.as_mut_ptr()) == 0).then(|| Modes(modes.assume_init()))
        }
    }

    /// Puts them back. A terminal that has gone meanwhile needs nothing.
    #[allow(unsafe_code)]
    pub fn put_back(&self) {
        // SAFETY: the modes are whole, and tcsetattr() only reads them.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, &raw const self.0) };
    }
}
