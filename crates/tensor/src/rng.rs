//! Random numbers: explicit, named, and savable.

use std::convert::Infallible;

use rand::{Rng as _, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A random number generator (ChaCha with eight rounds).
///
/// Nothing in downhill draws from a hidden global generator: whoever needs random numbers is handed an `Rng`. Its
/// numbers depend on the seed alone, on every platform; it can be saved and resumed by serde; and it can
/// [`fork`](Rng::fork) independent streams by name, so that adding a draw in one place changes nothing in another.
///
/// ```
/// use downhill_tensor::Rng;
///
/// let rng = Rng::new(42);
/// let (mut weights, mut shuffle) = (rng.fork("weights"), rng.fork("shuffle"));
/// assert_ne!(weights.next_u64(), shuffle.next_u64());
/// assert_eq!(rng.fork("weights").next_u64(), Rng::new(42).fork("weights").next_u64());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The generator with this seed.
    pub fn new(seed: u64) -> Self {
        Rng(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The stream called `name`. It depends on this generator's seed and the name, not on what has been drawn so
    /// far, and drawing from it leaves this generator as it is.
    pub fn fork(&self, name: &str) -> Self {
        self.fork_bytes(b'n', name.as_bytes())
    }

    /// The stream with this number: one for each epoch or item.
    pub fn fork_index(&self, index: u64) -> Self {
        self.fork_bytes(b'i', &index.to_le_bytes())
    }

    /// The stream for `name` among those of its `kind`.
    fn fork_bytes(&self, kind: u8, name: &[u8]) -> Self {
        // The key of the new generator is a block of this one's key stream, at a nonce that no drawing uses. FNV-1a
        // spreads names over nonces; the top bit keeps clear of stream 0, which `new` draws from.
        let nonce = [kind]
            .iter()
            .chain(name)
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut parent = ChaCha8Rng::from_seed(self.0.get_seed());
        parent.set_stream(nonce | 1 << 63);
        let mut key = [0; 32];
        parent.fill_bytes(&mut key);
        Rng(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A random number below `n`, every one equally likely.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "below: there is no number below zero");
        // Lemire's method: the high half of a product is uniform once the few biased low halves are rejected.
        let n = n as u64;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= n.wrapping_neg() % n {
                return (product >> 64) as usize;
            }
        }
    }

    /// The numbers `0..n` in random order. `torch.randperm`.
    ///
    /// ```
    /// # use downhill_tensor::Rng;
    /// let mut order = Rng::new(1).permutation(10);
    /// order.sort();
    /// assert!(order.into_iter().eq(0..10));
    /// ```
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        // Fisher and Yates.
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// Lets distributions of the `rand` family draw from an [`Rng`].
impl TryRng for Rng {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}
