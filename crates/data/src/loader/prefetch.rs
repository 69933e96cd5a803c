//! Threads that make batches ahead of their consumer, who gets them in order.
//!
//! The batches of an epoch are numbered, and each is a function of its number. A worker takes the next number, but only
//! while that is less than `capacity` ahead of the consumer; its result waits in a slot until its turn comes. So at most
//! `capacity` batches exist at a time, whoever is slow.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A running set of workers. Dropping it stops them and waits until they have ended.
pub(crate) struct Prefetch<T> {
    shared: Arc<Shared<T>>,
    /// The workers are the threads of a pool of their own, so that tensor operations in a worker are shared among
    /// workers. With the global pool they could wait for the very thread that waits for them.
    pool: Option<ThreadPool>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// A slot was filled.
    filled: Condvar,
    /// A slot was emptied, or the workers are to stop.
    emptied: Condvar,
}

struct State<T> {
    /// The number that the next free worker takes.
    todo: usize,
    /// The number that the consumer gets next.
    next: usize,
    end: usize,
    /// The result with number `i` waits in slot `i % capacity`.
    slots: Vec<Option<T>>,
    stop: bool,
}

impl<T: Send + 'static> Prefetch<T> {
    /// `workers` threads that compute `job(i)` for every `i` from `first` up to `end`, or `None` if the system has no
    /// thread to give. `job` must not panic.
    pub(crate) fn start(
        workers: usize,
        capacity: usize,
        first: usize,
        end: usize,
        job: impl Fn(usize) -> T + Send + Sync + 'static,
    ) -> Option<Self> {
        let slots = (0..capacity.max(1)).map(|_| None).collect();
        let state = State { todo: first, next: first, end, slots, stop: false };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), filled: Condvar::new(), emptied: Condvar::new() });
        let mut threads = Vec::new();
        let pool = ThreadPoolBuilder::new()
            .num_threads(workers)
            .spawn_handler(|thread| {
                let name = format!("data worker {}", thread.index());
                threads.push(Builder::new().name(name).spawn(|| thread.run())?);
                Ok(())
            })
            .build();
        let Ok(pool) = pool else {
            // Rayon has told those that did start to end.
            join(threads);
            return None;
        };
        let worker = Arc::clone(&shared);
        pool.spawn_broadcast(move |_| worker.work(&job));
        Some(Prefetch { shared, pool: Some(pool), threads })
    }

    /// The next result. To be called once for each.
    pub(crate) fn next(&mut self) -> T {
        let mut state = self.shared.lock();
        loop {
            let slot = state.next % state.slots.len();
            if let Some(result) = state.slots[slot].take() {
                state.next += 1;
                drop(state);
                self.shared.emptied.notify_one();
                return result;
            }
            state = self.shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while holding the lock, and no step leaves the state half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, job: &dyn Fn(usize) -> T) {
        while let Some(number) = self.take() {
            let result = job(number);
            let mut state = self.lock();
            let slot = number % state.slots.len();
            state.slots[slot] = Some(result);
            let wanted = number == state.next;
            drop(state);
            if wanted {
                self.filled.notify_one();
            }
        }
    }

    /// The number of the next result to compute, as soon as there is room for it.
    fn take(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.stop || state.todo == state.end {
                return None;
            }
            if state.todo < state.next + state.slots.len() {
                state.todo += 1;
                return Some(state.todo - 1);
            }
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.emptied.notify_all();
        drop(self.pool.take());
        join(std::mem::take(&mut self.threads));
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A worker catches the panics of its job, and this is no place for another one.
        let _ = thread.join();
    }
}

impl<T> fmt::Debug for Prefetch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefetch").field("workers", &self.threads.len()).finish_non_exhaustive()
    }
}
