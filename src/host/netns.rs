//! Network namespaces by ownership: one lives as long as the value that stands for it.

use super::error::{HostError, Step};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

/// How long [`Namespace::call`] waits, and building a namespace may take.
pub const LIMIT: Duration = Duration::from_secs(20);

/// What the namespace's thread is doing, for the error when it takes too long.
#[derive(Clone)]
pub(super) struct Steps {
    place: Arc<str>,
    now: Arc<Mutex<Step>>,
}

impl Steps {
    fn new(place: &str) -> Steps {
        Steps { place: place.into(), now: Arc::new(Mutex::new(Step::Work)) }
    }

    /// Which namespace.
    pub(super) fn name(&self) -> &str {
        &self.place
    }

    fn begin(&self, step: Step) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// The error for a deadline that passed.
    pub(super) fn too_slow(&self) -> HostError {
        HostError::TooSlow { place: self.place.to_string(), step: self.current(), limit: LIMIT }
    }

    fn gone(&self) -> HostError {
        HostError::Gone { place: self.place.to_string() }
    }

    fn current(&self) -> Step {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs one step; its failure is told with the step's name and the place.
    pub(super) fn run<T>(&self, step: Step, work: impl FnOnce() -> io::Result<T>) -> Result<T, HostError> {
        self.begin(step);
        let result = work().map_err(|source| HostError::Step {
            place: self.place.to_string(),
            step: self.current(),
            source,
        });
        self.begin(Step::Work);
        result
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace with a thread of its own in it.
///
/// Sockets that the thread makes belong to the namespace, wherever they are used later. Nothing is
/// pinned in the file system: the namespace ends when its threads have ended and its sockets are
/// closed, so at the latest with the process, however that dies.
pub struct Namespace {
    steps: Steps,
    file: Arc<File>,
    thread: Option<JoinHandle<()>>,
    thread_id: ThreadId,
    jobs: Option<SyncSender<Job>>,
    /// Disconnected when the thread has done its last job.
    ended: Receiver<()>,
}

/// A namespace on its way: several can be started at once.
pub(super) struct Starting {
    steps: Steps,
    thread: JoinHandle<()>,
    jobs: SyncSender<Job>,
    ended: Receiver<()>,
    ready: Receiver<Result<File, HostError>>,
    until: Instant,
}

/// A job on its way in a namespace.
pub(super) struct Pending<'a, T> {
    namespace: &'a Namespace,
    result: Receiver<Result<T, Box<dyn Any + Send>>>,
}

impl Namespace {
    /// Makes a namespace. The process needs CAP_SYS_ADMIN, as [`enter`](super::userns::enter) gives it.
    ///
    /// # Errors
    ///
    /// Naming the step: starting the thread, `unshare(CLONE_NEWNET)`, opening the namespace's file.
    pub fn new(name: &str) -> Result<Namespace, HostError> {
        Namespace::start(name)?.finish()
    }

    pub(super) fn start(name: &str) -> Result<Starting, HostError> {
        let steps = Steps::new(name);
        let (jobs, queue) = sync_channel::<Job>(16);
        let (tell_ready, ready) = sync_channel(1);
        let (tell_ended, ended) = sync_channel(0);
        let inside = steps.clone();
        let body = move || {
            // Dropped when the thread's work is over, even by a panic: that is how it is told.
            let _tell_ended: SyncSender<()> = tell_ended;
            let opened = inside
                .run(Step::NewNetworkNamespace, unshare_net)
                .and_then(|()| inside.run(Step::OpenNamespace, || File::open("/proc/thread-self/ns/net")));
            let failed = opened.is_err();
            if tell_ready.send(opened).is_err() || failed {
                return;
            }
            while let Ok(job) = queue.recv() {
                job();
            }
        };
        let thread = steps.run(Step::StartThread, || Builder::new().name(name.to_owned()).spawn(body))?;
        Ok(Starting { steps, thread, jobs, ended, ready, until: Instant::now() + LIMIT })
    }

    /// Its name: what errors call it.
    pub fn name(&self) -> &str {
        &self.steps.place
    }

    /// The namespace's number, as `/proc/PID/ns/net` shows it: no two living ones share it.
    ///
    /// # Errors
    ///
    /// Those of `fstat()`.
    pub fn id(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt;
        Ok(self.file.metadata()?.ino())
    }

    /// The open namespace file, for netlink.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn steps(&self) -> Steps {
        self.steps.clone()
    }

    /// Runs `work` in the namespace and waits for what it gives, for at most [`LIMIT`]. A panic of
    /// `work` goes on in the caller. From inside the namespace's own thread it just runs.
    ///
    /// For short work such as making sockets; what blocks for long belongs into
    /// [`spawn`](Namespace::spawn).
    ///
    /// # Errors
    ///
    /// [`HostError::TooSlow`] when `work` is not done in time; it then goes on without being waited for.
    pub fn call<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HostError> {
        if std::thread::current().id() == self.thread_id {
            return Ok(work());
        }
        self.begin(work)?.wait_until(Instant::now() + LIMIT)
    }

    /// Hands `work` to the thread without waiting.
    pub(super) fn begin<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<'_, T>, HostError> {
        let (tell, result) = sync_channel(1);
        let job: Job = Box::new(move || {
            let _ = tell.send(catch_unwind(AssertUnwindSafe(work)));
        });
        let jobs = self.jobs.as_ref().ok_or_else(|| self.steps.gone())?;
        // Sixteen unfinished jobs: the thread is stuck, and one more would not help.
        jobs.try_send(job).map_err(|_| self.steps.gone())?;
        Ok(Pending { namespace: self, result })
    }

    /// Starts a further thread inside the namespace.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started or cannot join the namespace; `work` has then not begun.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, HostError> {
        let (tell, joined) = sync_channel(1);
        let file = Arc::clone(&self.file);
        let steps = Steps::new(&format!("{}: {name}", self.steps.place));
        let inside = steps.clone();
        let body = move || {
            let result = inside.run(Step::JoinNamespace, || {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?;
                Ok(())
            });
            let failed = result.is_err();
            let _ = tell.send(result);
            if failed {
                // Nobody holds this thread's handle: the caller got the error instead. Unwinding
                // this way calls no panic hook.
                resume_unwind(Box::new(()));
            }
            work()
        };
        let thread = steps.run(Step::StartThread, || Builder::new().name(name.to_owned()).spawn(body))?;
        match joined.recv_timeout(LIMIT) {
            Ok(Ok(())) => Ok(thread),
            Ok(Err(e)) => Err(e),
            Err(_) => Err(steps.too_slow()),
        }
    }
}

impl Starting {
    /// Waits until the namespace is there.
    pub(super) fn finish(self) -> Result<Namespace, HostError> {
        let Starting { steps, thread, jobs, ended, ready, until } = self;
        let file = match ready.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(opened) => opened?,
            Err(RecvTimeoutError::Timeout) => return Err(steps.too_slow()),
            Err(RecvTimeoutError::Disconnected) => return Err(steps.gone()),
        };
        let thread_id = thread.thread().id();
        Ok(Namespace {
            steps,
            file: Arc::new(file),
            thread: Some(thread),
            thread_id,
            jobs: Some(jobs),
            ended,
        })
    }
}

impl<T> Pending<'_, T> {
    /// Waits for the job's result until the given moment.
    pub(super) fn wait_until(self, until: Instant) -> Result<T, HostError> {
        match self.result.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(RecvTimeoutError::Timeout) => Err(self.namespace.steps.too_slow()),
            Err(RecvTimeoutError::Disconnected) => Err(self.namespace.steps.gone()),
        }
    }
}

impl Drop for Namespace {
    /// Ends the thread, and with it the namespace unless sockets or spawned threads still hold it.
    /// A thread that is stuck in the kernel is left behind after a second.
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.recv_timeout(Duration::from_secs(1));
        if let (Some(thread), Err(RecvTimeoutError::Disconnected)) = (self.thread.take(), ended) {
            // A namespace may be dropped by its own last job.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Gives the calling thread a network namespace of its own.
#[allow(unsafe_code)]
fn unshare_net() -> io::Result<()> {
    // SAFETY: no pointers; a network namespace is neither memory nor descriptors.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
