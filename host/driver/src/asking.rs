//! Asking engines whether their backends answer. A slow engine must not hold up the others.

use std::time::Duration;

use broker_manifest::Operation;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use host_engine::{Detection, EngineError, EngineFile, Loaded};
use tokio::time::{Instant, sleep, timeout_at};

use super::OpsError;
use super::network::Endpoints;
use super::running::Running;
use super::session::Session;

/// After this time the front end shows which answer is pending, and the remaining engines are asked too.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why an engine is not used.
pub(super) enum Refusal {
    /// The engine could not be asked, because something is wrong with the target or with the engine.
    NotAsked(OpsError),
    /// The backend does not answer, or answers with an error.
    NoAnswer(OpsError),
}

/// An engine that was asked. It is no longer usable if it did not answer in time.
pub(super) struct Asked {
    pub(super) running: Running,
    pub(super) answer: Result<Detection, OpsError>,
}

impl Asked {
    /// Returns the engine if its backend answers.
    pub(super) fn answering(self) -> Result<Running, OpsError> {
        self.answer.map(|_| self.running)
    }
}

impl Session {
    /// Starts an engine and asks whether its backend answers.
    ///
    /// # Errors
    /// When something is wrong with the target, or with the engine itself.
    pub(super) async fn ask(&self, file: &EngineFile) -> Result<Asked, OpsError> {
        let find = Box::pin(Endpoints::find(self.route(file)));
        let (loaded, network) = tokio::join!(self.host.load(file), find);
        let network = network?;
        Box::pin(self.ask_over(file, &loaded?, network)).await
    }

    /// Starts an engine on endpoints that were found before, and asks whether its backend answers.
    pub(super) async fn ask_over(
        &self,
        file: &EngineFile,
        loaded: &Loaded,
        network: Endpoints,
    ) -> Result<Asked, OpsError> {
        let limit = self.limits().detect;
        let ends = Instant::now() + limit;
        let late = |_| EngineError::Deadline {
            engine: file.name(),
            operation: Operation::Detect,
            seconds: limit.as_secs(),
        };
        let work = async {
            let running = timeout_at(ends, self.run(file, loaded, network)).await;
            let mut running = running.map_err(late)??;
            let detected = timeout_at(ends, running.instance().detect()).await;
            let detected = detected.map_err(late).and_then(|detected| detected);
            let answer = running.original(detected).map_err(OpsError::into_cause);
            Ok(Asked { running, answer })
        };
        let mut work = Box::pin(work);
        tokio::select! {
            biased;
            asked = &mut work => return asked,
            () = sleep(PATIENCE) => self.notes().note(&format!(
                "Waiting for {} to report whether its backend answers, for at most {} s",
                file.name(),
                limit.as_secs()
            )),
        }
        work.await
    }

    /// Returns the first of these engines whose backend answers, or none.
    ///
    /// `refused` receives why an engine is not used. It may return an error to stop the search.
    pub(super) async fn first_that_answers(
        &self,
        files: &[&EngineFile],
        accept: impl Fn(Asked) -> Result<Running, OpsError>,
        mut refused: impl FnMut(usize, Refusal) -> Result<(), OpsError>,
    ) -> Result<Option<Running>, OpsError> {
        let ask = async |at: usize| self.ask(files[at]).await;
        let accept = |asked: Result<Asked, OpsError>| {
            let asked = asked.map_err(Refusal::NotAsked)?;
            accept(asked).map_err(Refusal::NoAnswer)
        };
        first(files.len(), ask, accept, &mut refused).await
    }
}

/// Returns the first accepted item, in order. An item is asked when the one before it is refused. If that
/// takes long, all items are asked at once.
async fn first<A, T, R, E>(
    count: usize,
    ask: impl AsyncFn(usize) -> A,
    accept: impl Fn(A) -> Result<T, R>,
    mut refused: impl FnMut(usize, R) -> Result<(), E>,
) -> Result<Option<T>, E> {
    let ask = |at| {
        let ask = &ask;
        async move { (at, ask(at).await) }
    };
    let mut waiting = FuturesUnordered::new();
    let mut answers: Vec<Option<A>> = (0..count).map(|_| None).collect();
    let mut asked = 0;
    let mut patience = std::pin::pin!(sleep(PATIENCE));
    let mut at = 0;
    while at < count {
        if asked <= at {
            waiting.push(ask(at));
            asked = at + 1;
        }
        if let Some(answer) = answers[at].take() {
            match accept(answer) {
                Ok(accepted) => return Ok(Some(accepted)),
                Err(error) => refused(at, error)?,
            }
            at += 1;
            continue;
        }
        tokio::select! {
            Some((which, answer)) = waiting.next() => answers[which] = Some(answer),
            () = &mut patience, if asked < count => {
                waiting.extend((asked..count).map(ask));
                asked = count;
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Asks engines that answer after a number of seconds. Returns which engine was used, which were refused,
    /// which were asked, and how many seconds passed.
    async fn asking(engines: &[(u64, bool)]) -> (Option<usize>, Vec<usize>, Vec<usize>, u64) {
        let asked = RefCell::new(Vec::new());
        let mut refused = Vec::new();
        let begun = Instant::now();
        let used = first(
            engines.len(),
            async |at| {
                asked.borrow_mut().push(at);
                let (seconds, answers) = engines[at];
                sleep(Duration::from_secs(seconds)).await;
                answers.then_some(at).ok_or(())
            },
            |answer| answer,
            |at, ()| {
                refused.push(at);
                Ok::<(), ()>(())
            },
        );
        let used = used.await.expect("no refusal is final");
        (used, refused, asked.into_inner(), begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_answers_at_once_is_the_only_one_that_is_asked() {
        let none = Vec::new;
        assert_eq!(
            asking(&[(0, true), (0, true)]).await,
            (Some(0), none(), vec![0], 0)
        );
        let second = asking(&[(0, false), (0, true), (0, true)]).await;
        assert_eq!(second, (Some(1), vec![0], vec![0, 1], 0));
        assert_eq!(asking(&[]).await, (None, none(), none(), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn engines_that_hang_hang_at_the_same_time() {
        let all = asking(&[(5, false), (5, false), (5, false), (1, true)]).await;
        assert_eq!(all, (Some(3), vec![0, 1, 2], vec![0, 1, 2, 3], 6));
        // The order decides, not the speed.
        let slow = asking(&[(4, true), (0, true)]).await;
        assert_eq!(slow, (Some(0), vec![], vec![0, 1], 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_is_final_ends_it() {
        let used = first(2, async |at| at, Err::<(), _>, |_, at| Err(at));
        assert_eq!(used.await, Err(0));
    }
}
