//! Aligned memory that is recycled.
//!
//! Training asks for the same sizes in every step. Returning a buffer to the system and asking for it again costs
//! page faults, which for large tensors take longer than the arithmetic. So a dropped [`Buffer`] goes into a pool,
//! sorted by size, and the next request of that size takes it from there.
//!
//! Every buffer starts on a 64-byte boundary: a cache line, and the width of an AVX-512 register. Every byte of
//! every buffer is initialised from the start (the system hands out zeroed pages at no cost), so a recycled buffer
//! holds *stale* values, never undefined ones.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::element::{DType, Element};

const ALIGN: usize = 64;

/// A fixed number of elements on the heap, 64-byte aligned.
pub(crate) struct Buffer<E: Element> {
    start: NonNull<E>,
    len: usize,
}

// SAFETY: a Buffer owns its memory alone and hands out references by the rules of &self and &mut self; its elements
// are plain values, which may be sent and shared.
unsafe impl<E: Element> Send for Buffer<E> {}
// SAFETY: as above.
unsafe impl<E: Element> Sync for Buffer<E> {}

impl<E: Element> Buffer<E> {
    /// `len` elements of unspecified value, for a caller who writes all of them.
    pub(crate) fn stale(len: usize) -> Self {
        let bytes = len.checked_mul(size_of::<E>()).expect("buffer: size overflows");
        let buffer = Buffer { start: pool::take(bytes).cast::<E>(), len };
        if E::DTYPE == DType::Bool {
            // Any bits are an f32, an i64 or a byte, but only two bytes are a bool. A recycled buffer may have
            // held another type, so it is cleared before anyone can see it as truth values.
            // SAFETY: the pool returned at least `bytes` bytes that nobody else uses.
            unsafe { buffer.start.cast::<u8>().write_bytes(0, bytes) };
        }
        debug_assert!(buffer.start.addr().get().is_multiple_of(ALIGN));
        buffer
    }

    /// `len` copies of `value`.
    pub(crate) fn filled(len: usize, value: E) -> Self {
        let mut buffer = Buffer::stale(len);
        buffer.fill(value);
        buffer
    }
}

impl<E: Element> From<&[E]> for Buffer<E> {
    fn from(values: &[E]) -> Self {
        let mut buffer = Buffer::stale(values.len());
        buffer.copy_from_slice(values);
        buffer
    }
}

impl<E: Element> Clone for Buffer<E> {
    fn clone(&self) -> Self {
        Buffer::from(&**self)
    }
}

impl<E: Element> Deref for Buffer<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        // SAFETY: `start` is valid for `len` elements, aligned, initialised (see the module's text) and, while
        // borrowed, not written.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<E: Element> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as in `deref`; `&mut self` makes the borrow exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<E: Element> Drop for Buffer<E> {
    fn drop(&mut self) {
        // SAFETY: the memory came from `take` with this size and nobody refers to it any more.
        unsafe { pool::give(self.start.cast(), self.len * size_of::<E>()) };
    }
}

mod pool {
    use super::*;

    /// Idle memory beyond this goes back to the system.
    const IDLE_LIMIT: usize = 1 << 30;

    /// Sizes are rounded up to four steps in each power of two, so at most a fifth is wasted and buffers of nearly
    /// equal size serve each other.
    const STEPS: usize = 4;
    const CLASSES: usize = usize::BITS as usize * STEPS;

    static IDLE: [Mutex<Vec<Idle>>; CLASSES] = [const { Mutex::new(Vec::new()) }; CLASSES];
    static IDLE_BYTES: AtomicUsize = AtomicUsize::new(0);

    struct Idle(NonNull<u8>);

    // SAFETY: an idle block belongs to the pool alone; which thread takes it next does not matter.
    unsafe impl Send for Idle {}

    /// The number of the size class for `bytes`, and how large its blocks are.
    fn class(bytes: usize) -> (usize, usize) {
        let bytes = bytes.max(ALIGN);
        let power = (bytes - 1).ilog2();
        let step = (1 << power) / STEPS;
        let above = (bytes - (1 << power)).div_ceil(step);
        (power as usize * STEPS + above, (1 << power) + above * step)
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, ALIGN).expect("buffer: size overflows")
    }

    /// A block of at least `bytes` initialised bytes.
    pub(super) fn take(bytes: usize) -> NonNull<u8> {
        assert!(bytes <= isize::MAX as usize / 2, "buffer: {bytes} bytes exceed the address space");
        let (class, size) = class(bytes);
        if let Some(idle) = IDLE[class].lock().expect("no code panics while it holds this lock").pop() {
            IDLE_BYTES.fetch_sub(size, Relaxed);
            return idle.0;
        }
        // SAFETY: `size` is at least ALIGN, so not zero.
        let start = unsafe { alloc_zeroed(layout(size)) };
        // A panic and not an abort: the caller may well go on without a tensor that is too large.
        NonNull::new(start).unwrap_or_else(|| panic!("buffer: the system has no {size} bytes"))
    }

    /// Takes back a block of `take(bytes)`.
    ///
    /// # Safety
    /// `start` came from `take` with the same `bytes`, and nobody refers to the block any more.
    pub(super) unsafe fn give(start: NonNull<u8>, bytes: usize) {
        let (class, size) = class(bytes);
        if IDLE_BYTES.fetch_add(size, Relaxed) + size > IDLE_LIMIT {
            IDLE_BYTES.fetch_sub(size, Relaxed);
            // SAFETY: by the caller's promise this block is ours alone, and `take` allocated it with this layout.
            unsafe { dealloc(start.as_ptr(), layout(size)) };
        } else {
            IDLE[class].lock().expect("no code panics while it holds this lock").push(Idle(start));
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn classes_are_large_enough_and_ascend() {
            let mut last = (0, 0);
            for bytes in 0..100_000 {
                let (number, size) = class(bytes);
                assert!(size >= bytes, "{bytes} bytes in a block of {size}");
                assert!(bytes <= 256 || size <= bytes + bytes / 4, "{bytes} bytes waste {}", size - bytes);
                assert!((number, size) == last || (number > last.0 && size > last.1), "{bytes}");
                last = (number, size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_recycled() {
        // A size that no other test uses: the pool is shared by the whole process.
        let first = Buffer::filled(123_457, 1.5_f32);
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::<f32>::stale(123_457);
        assert_eq!(second.as_ptr(), address);
        assert!(second.iter().all(|&x| x == 1.5), "stale, not undefined");
    }

    #[test]
    fn truth_values_are_valid_in_recycled_memory() {
        drop(Buffer::filled(98_765, 0xff_u8));
        let truths = Buffer::<bool>::stale(98_765);
        assert!(truths.iter().all(|&t| !t));
    }

    #[test]
    fn empty_buffers_are_fine() {
        assert!(Buffer::<f64>::stale(0).is_empty());
        assert!(Buffer::<bool>::filled(0, true).clone().is_empty());
    }
}
