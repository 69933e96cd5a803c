//! How many threads share the work.

/// Sets the number of threads that operations share, and makes the calling thread one of them. `torch.set_num_threads`.
///
/// Without this call the first large operation starts as many threads as there are cores (or as `RAYON_NUM_THREADS`
/// says), and the calling thread only waits for them: handing work over and back costs tens of microseconds each time. A
/// program that trains from its main thread is faster if it calls this first.
///
/// Results do not depend on it: they have the same bits at any number of threads.
///
/// # Errors
/// If threads were started before. The number stays what it was.
pub fn set_num_threads(n: usize) -> Result<(), ThreadsStarted> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n.max(1))
        .use_current_thread()
        .build_global()
        .map_err(|_| ThreadsStarted)
}

/// [`set_num_threads`] came too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadsStarted;

impl std::fmt::Display for ThreadsStarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("set_num_threads: threads were started before, by this call or by an operation")
    }
}

impl std::error::Error for ThreadsStarted {}
