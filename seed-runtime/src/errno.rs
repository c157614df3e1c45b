//! Error numbers of WASI preview 1.

use std::fmt;

macro_rules! errno {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        /// An error number that a call gives to the process, as numbered by WASI preview 1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Errno { $(#[doc = $text] $name = $value,)* }

        impl fmt::Display for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }

        #[cfg(test)]
        const ALL: &[(Errno, u16, &str)] = &[$((Errno::$name, $value, stringify!($name)),)*];
    };
}

// Only the numbers that the host gives; the whole list has 77.
errno! {
    Acces = 2, "permission denied";
    Badf = 8, "not an open file descriptor";
    Exist = 20, "something is there already";
    Fault = 21, "an address is outside the memory of the process";
    Fbig = 22, "the file would be too large";
    Inval = 28, "an argument is not valid";
    Io = 29, "reading the content failed";
    Isdir = 31, "it is a directory";
    Loop = 32, "too many symlinks";
    Mfile = 33, "too many open files";
    Nametoolong = 37, "a name or path is too long";
    Noent = 44, "nothing is there";
    Nospc = 51, "the limit on written files is reached";
    Nosys = 52, "there is no such call";
    Notdir = 54, "it is not a directory";
    Notempty = 55, "the directory is not empty";
    Notsock = 57, "it is not a socket";
    Notsup = 58, "it is not supported";
    Overflow = 61, "a value does not fit";
    Perm = 63, "it is not permitted";
    Rofs = 69, "the tree is read-only";
    Spipe = 70, "a stream cannot be positioned";
    Notcapable = 76, "the path leads outside of what the process may see";
}

impl Errno {
    /// The number that the process sees.
    #[must_use]
    pub fn code(self) -> u16 {
        self as u16
    }
}

impl std::error::Error for Errno {}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of the specification's own list, whose index is the number.
    const SPECIFIED: &str = "success 2big acces addrinuse addrnotavail afnosupport again already badf badmsg busy \
        canceled child connaborted connrefused connreset deadlk destaddrreq dom dquot exist fault fbig \
        hostunreach idrm ilseq inprogress intr inval io isconn isdir loop mfile mlink msgsize multihop \
        nametoolong netdown netreset netunreach nfile nobufs nodev noent noexec nolck nolink nomem nomsg \
        noprotoopt nospc nosys notconn notdir notempty notrecoverable notsock notsup notty nxio overflow \
        ownerdead perm pipe proto protonosupport prototype range rofs spipe srch stale timedout txtbsy xdev \
        notcapable";

    #[test]
    fn numbers_are_those_of_the_specification() {
        let specified: Vec<_> = SPECIFIED.split_whitespace().collect();
        assert_eq!(specified.len(), 77);
        for (errno, value, name) in ALL {
            assert_eq!(errno.code(), *value);
            assert_eq!(specified[usize::from(*value)], name.to_lowercase());
        }
    }
}
