//! Writing results that are too large for the caches.
//!
//! An ordinary store first reads the cache line that it is about to overwrite. Where the whole line will be overwritten
//! and is not needed again soon, that is a third of the traffic of an addition. Streaming stores skip it, as the
//! platform's memcpy does for large blocks.

use super::buffer::Buffer;
use crate::element::Element;

/// From this many bytes on a result is streamed: it would push everything else out of a usual last-level cache.
pub(crate) const STREAM_FROM: usize = 1 << 25;

/// Elements that are computed before they are streamed: few enough to stay in the first cache.
const BLOCK: usize = 1024;

/// Fills `out` block by block: `body` computes a block from its start within `out`, in cache, and it is copied out past
/// the caches.
pub(crate) fn fill<E: Element>(out: &mut [E], body: impl Fn(&mut [E], usize)) {
    let mut block = Buffer::stale(BLOCK);
    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
        let block = &mut block[..out.len()];
        body(block, i * BLOCK);
        copy(out, block);
    }
    fence();
}

/// Copies `from` to `to` past the caches, if `to` is aligned for it and the processor can; plainly otherwise. Other
/// threads may see it late, unless a [`fence`] follows.
fn copy<E: Element>(to: &mut [E], from: &[E]) {
    assert!(to.len() == from.len(), "stream: lengths differ");
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_stream_si128};
        const WIDTH: usize = size_of::<__m128i>();
        let whole = size_of_val(to) / WIDTH;
        if to.as_ptr().addr().is_multiple_of(WIDTH) && whole * WIDTH == size_of_val(to) {
            let (to, from) = (to.as_mut_ptr().cast::<__m128i>(), from.as_ptr().cast::<__m128i>());
            for i in 0..whole {
                // SAFETY: both slices hold `whole` times 16 bytes, `to` is aligned to 16, SSE2 is part of x86-64, and
                // elements are plain values, so that their bytes may be copied.
                unsafe { _mm_stream_si128(to.add(i), _mm_loadu_si128(from.add(i))) };
            }
            return;
        }
    }
    to.copy_from_slice(from);
}

fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_whatever_the_alignment() {
        let from: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        for start in 0..20 {
            for len in [0, 1, 3, 4, 16, 17, 64, 900] {
                let mut to = vec![-1.0; 1000];
                copy(&mut to[start..start + len], &from[..len]);
                assert_eq!(to[start..start + len], from[..len]);
                assert!(to[..start].iter().chain(&to[start + len..]).all(|&x| x == -1.0));
            }
        }
    }
}
