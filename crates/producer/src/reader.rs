//! Reading a list's bytes: hashed, its lines made alike, and never more at once than a row may have.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fingerprint::Fingerprint;

/// The longest row: a hardware hash has 4 kB. A gigabyte without a line end is no list.
pub(crate) const ROW_MAX_BYTES: u64 = 1024 * 1024;

/// Hashes what is read through it.
pub(crate) struct Hashing<R> {
    inner: R,
    fingerprint: Fingerprint,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            fingerprint: Fingerprint::default(),
        }
    }

    /// The SHA-256 of everything read, in hexadecimal.
    pub(crate) fn finish(self) -> String {
        self.fingerprint.finish()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.fingerprint.bytes(&buffer[..count]);
        Ok(count)
    }
}

/// Fails when more is read than a row may have since it was last told of a row's end.
pub(crate) struct Capped<R> {
    inner: R,
    since_row: Arc<AtomicU64>,
}

/// Tells a [`Capped`] that a row ended.
#[derive(Clone)]
pub(crate) struct RowEnd(Arc<AtomicU64>);

impl RowEnd {
    pub(crate) fn reached(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl<R: Read> Capped<R> {
    pub(crate) fn new(inner: R) -> (Self, RowEnd) {
        let since_row = Arc::new(AtomicU64::new(0));
        let end = RowEnd(Arc::clone(&since_row));
        (Self { inner, since_row }, end)
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let since = self.since_row.fetch_add(count as u64, Ordering::Relaxed);
        if since > ROW_MAX_BYTES {
            let message = "a row of more than one megabyte: an unclosed quote, or no list at all";
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                message,
            ));
        }
        Ok(count)
    }
}

/// Makes every line end a LF, be it CRLF or CR, and the last line end with one: then line numbers
/// are what an editor shows.
pub(crate) struct LineEnds<R> {
    inner: R,
    after_cr: bool,
    /// The last byte that was given; a list without any has no line to end.
    last: u8,
}

impl<R: Read> LineEnds<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            after_cr: false,
            last: b'\n',
        }
    }
}

impl<R: Read> Read for LineEnds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.inner.read(buffer)?;
            if count == 0 {
                if self.last == b'\n' {
                    return Ok(0);
                }
                self.last = b'\n';
                buffer[0] = b'\n';
                return Ok(1);
            }
            let mut kept = 0;
            for index in 0..count {
                let byte = buffer[index];
                let second_half = std::mem::replace(&mut self.after_cr, byte == b'\r');
                if second_half && byte == b'\n' {
                    continue;
                }
                buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                kept += 1;
            }
            if kept > 0 {
                self.last = buffer[kept - 1];
                return Ok(kept);
            }
        }
    }
}
