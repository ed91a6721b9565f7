//! The wire format: varints and length-delimited fields.

use super::Unreadable;

/// One field's raw value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datum<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Walks the fields of one message.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// All fields in order.
    pub(super) fn fields(mut self) -> Result<Vec<(u32, Datum<'a>)>, Unreadable> {
        let mut fields = Vec::new();
        while !self.rest.is_empty() {
            let tag = self.varint()?;
            let number = u32::try_from(tag >> 3).map_err(|_| Unreadable::Malformed)?;
            let datum = match tag & 7 {
                0 => Datum::Number(self.varint()?),
                1 => Datum::Bytes(self.take(8)?),
                2 => {
                    let length = usize::try_from(self.varint()?).map_err(|_| Unreadable::Malformed)?;
                    Datum::Bytes(self.take(length)?)
                }
                5 => Datum::Bytes(self.take(4)?),
                _ => return Err(Unreadable::Malformed),
            };
            fields.push((number, datum));
        }
        Ok(fields)
    }

    fn varint(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take(1)? else { return Err(Unreadable::Malformed) };
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable::Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Unreadable> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or(Unreadable::Malformed)?;
        self.rest = tail;
        Ok(head)
    }
}
