//! The primitive encoding that directory objects, index records and other files of nuka's are made of.
//!
//! Integers are little-endian and of fixed width; bytes are length-prefixed; every record begins with one
//! version byte and is decoded strictly: nothing may be missing and nothing may be left over.

/// Why bytes are not the record they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end inside a field.
    #[error("it ends inside its {field}")]
    Truncated {
        /// The field that is cut.
        field: &'static str,
    },
    /// Bytes are left after the last field.
    #[error("{count} bytes are left over after its last field")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// The version byte is one that this program does not know.
    #[error("its version is {got}, and this nuka reads version {expected}")]
    Version {
        /// The version that is read here.
        expected: u8,
        /// The version found.
        got: u8,
    },
    /// A field's value is not one that may stand there.
    #[error("its {field} is not valid")]
    Invalid {
        /// The field.
        field: &'static str,
    },
}

/// Takes fields off the front of a byte slice.
#[derive(Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// One before the first field.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A decoder past the version byte, which must be `version`.
    ///
    /// # Errors
    /// [`WireError::Version`] if it is another.
    pub fn versioned(bytes: &'a [u8], version: u8) -> Result<Self, WireError> {
        let mut decoder = Self::new(bytes);
        let got = decoder.u8("version")?;
        if got == version { Ok(decoder) } else { Err(WireError::Version { expected: version, got }) }
    }

    /// So many bytes. `field` is what an error calls them, here and below.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if fewer are left, here and below.
    pub fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(head)
    }

    /// As many bytes as the array has.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(*head)
    }

    /// A byte.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// Eight bytes, with a sign.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn i64(&mut self, field: &'static str) -> Result<i64, WireError> {
        self.array(field).map(i64::from_le_bytes)
    }

    /// Bytes behind a `u32` length.
    ///
    /// # Errors
    /// See [`Decoder::take`].
    pub fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], WireError> {
        let length = self.u32(field)? as usize;
        self.take(length, field)
    }

    /// UTF-8 text behind a `u32` length.
    ///
    /// # Errors
    /// See [`Decoder::take`]; [`WireError::Invalid`] if it is no UTF-8.
    pub fn text(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| WireError::Invalid { field })
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// # Errors
    /// [`WireError::Trailing`] if something is left.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing { count: self.rest.len() }) }
    }
}

/// Appends fields to a byte vector.
pub trait Encode {
    /// Two bytes.
    fn put_u16(&mut self, value: u16);
    /// Four bytes.
    fn put_u32(&mut self, value: u32);
    /// Eight bytes.
    fn put_u64(&mut self, value: u64);
    /// Eight bytes, with a sign.
    fn put_i64(&mut self, value: i64);
    /// Bytes behind a `u32` length; fields are far below 4 GiB, and what is not is cut short
    /// here and refused by the strict decoder.
    fn put_bytes(&mut self, bytes: &[u8]);
}

impl Encode for Vec<u8> {
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_round_trip_and_nothing_is_left() {
        let mut bytes = vec![1];
        bytes.put_u16(2);
        bytes.put_u64(3);
        bytes.put_i64(-4);
        bytes.put_bytes(b"five");
        let mut decoder = Decoder::versioned(&bytes, 1).unwrap();
        assert_eq!(decoder.u16("a").unwrap(), 2);
        assert_eq!(decoder.u64("b").unwrap(), 3);
        assert_eq!(decoder.i64("c").unwrap(), -4);
        assert_eq!(decoder.text("d").unwrap(), "five");
        decoder.finish().unwrap();
    }

    #[test]
    fn what_is_cut_left_over_or_of_another_version_is_refused() {
        assert_eq!(Decoder::versioned(&[2], 1).map(|_| ()), Err(WireError::Version { expected: 1, got: 2 }));
        let mut decoder = Decoder::new(&[9, 0, 0, 0, 1]);
        assert_eq!(decoder.bytes("text"), Err(WireError::Truncated { field: "text" }));
        assert_eq!(Decoder::new(&[0]).finish(), Err(WireError::Trailing { count: 1 }));
    }
}
