//! How long an HTTP/1 connection may wait for a request. hyper has one timer for it,
//! which starts as soon as the connection could take a request: with that alone, a
//! connection that idles is given no more time than a head that comes in drops. A
//! caller with a pool would find its connections closed just when it needs them.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

use crate::settings::Limits;

/// hyper's timer for heads. The first head of a connection, and each from its first
/// byte on, has [`Limits::head_time`]; before a later one comes, the connection may idle
/// for [`Limits::idle`].
pub(crate) struct HeadTimer {
    head_time: Duration,
    idle: Duration,
    read: Arc<AtomicU64>,
    had_one: AtomicBool,
}

impl HeadTimer {
    /// `read` counts the bytes that came in on the connection.
    pub(crate) fn new(read: Arc<AtomicU64>, limits: &Limits) -> Self {
        Self {
            head_time: limits.head_time,
            idle: limits.idle,
            read,
            had_one: AtomicBool::new(false),
        }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    /// The deadline is hyper's, `head_time` from now.
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let is_first = !self.had_one.swap(true, Relaxed);
        let deadline = if is_first {
            deadline
        } else {
            self.now() + self.idle
        };
        Box::pin(HeadSleep {
            sleep: Box::pin(tokio::time::sleep_until(deadline.into())),
            head_time: self.head_time,
            idles_at: (!is_first).then(|| self.read.load(Relaxed)),
            read: Arc::clone(&self.read),
        })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

struct HeadSleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    head_time: Duration,
    /// What was read when the connection began to idle; nothing once a head comes in.
    idles_at: Option<u64>,
    read: Arc<AtomicU64>,
}

impl Future for HeadSleep {
    type Output = ();

    /// hyper polls it whenever it has read what there is and the head is not complete.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self
            .idles_at
            .is_some_and(|at| at != self.read.load(Relaxed))
        {
            self.idles_at = None;
            let deadline = tokio::time::Instant::now() + self.head_time;
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}

#[cfg(test)]
mod tests {
    use super::*;

    fn timer() -> (Arc<AtomicU64>, HeadTimer) {
        let read = Arc::new(AtomicU64::new(0));
        let timer = HeadTimer::new(Arc::clone(&read), &Limits::default());
        (read, timer)
    }

    /// As hyper begins to wait for a head.
    fn wait(timer: &HeadTimer) -> Pin<Box<dyn Sleep>> {
        timer.sleep(Limits::default().head_time)
    }

    async fn seconds(sleep: impl Future) -> u64 {
        let began = tokio::time::Instant::now();
        sleep.await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_has_ten_seconds_and_an_idle_connection_more() {
        let (_read, timer) = timer();
        assert_eq!(seconds(wait(&timer)).await, 10);
        assert_eq!(seconds(wait(&timer)).await, 120);
        assert_eq!(seconds(wait(&timer)).await, 120);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_head_has_ten_seconds_from_its_first_byte() {
        let (read, timer) = timer();
        drop(wait(&timer));
        read.store(100, Relaxed);
        let mut head = wait(&timer);
        tokio::time::timeout(Duration::from_secs(60), &mut head)
            .await
            .expect_err("it idles");
        for (more, time) in [(1, 4), (2, 5)] {
            read.store(100 + more, Relaxed);
            tokio::time::timeout(Duration::from_secs(time), &mut head)
                .await
                .expect_err("its time is not over");
        }
        // Bytes give no more time: nine of ten seconds are over.
        assert_eq!(seconds(head).await, 1);
    }
}
