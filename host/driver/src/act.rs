use std::time::Duration;

use broker_manifest::{Saves, Verb, VerbOption};
use host_base::{newest_first, text};
use host_engine::{Acted, EngineFile, OptionSetting, OptionValue};
use host_store::Origin;
use jiff::Timestamp;

use super::choose::{call_name, with_verb};
use super::download::{account_for, outcome};
use super::history::Deed;
use super::question::confirm;
use super::saving::{Order, Place};
use super::{OpsError, Session};
use crate::results::{Backups, EngineItems, EngineReport, LeftOut, LocalFiles};

/// Number of retries without progress before giving up a file.
const RETRIES: u32 = 6;
/// Longest option value that a question repeats, in characters.
const MAX_VALUE: usize = 200;

/// A request to run a verb that an engine defines itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerbRequest {
    /// Name of the verb.
    pub verb: String,
    /// The options that the user gave, without defaults: the defaults depend on the engine.
    pub given: Vec<OptionSetting>,
    /// Longest time for the verb, if the user set one.
    pub timeout: Option<Duration>,
    /// Whether the user has agreed to a destructive verb before. Otherwise the front end asks.
    pub is_confirmed: bool,
    /// Where to put what the verb saves.
    pub place: Place,
    /// Whether to keep a file although nothing proves that it is complete.
    pub accept_unproven: bool,
}

/// The outcome of a verb that an engine defines itself.
#[derive(Debug)]
pub struct VerbOutcome {
    /// The report of the engine.
    pub result: VerbResult,
    /// The files, perhaps none. None if the manifest does not say that the verb saves files.
    pub saved: Option<LocalFiles>,
}

/// The result of a verb that an engine defines itself.
#[derive(Debug)]
pub enum VerbResult {
    /// The backups that the verb returned.
    Backups(Backups),
    /// The report of a verb that returned no backups.
    Report(EngineReport),
    /// The things that a verb worked on.
    Items(EngineItems),
}

/// Runs a verb that an engine defines itself.
///
/// # Errors
/// When no engine has the verb, or several have it and the user named none. When the user did not confirm a
/// destructive verb, or the verb failed.
pub async fn act(session: &Session, request: &VerbRequest) -> Result<VerbOutcome, OpsError> {
    let name = &request.verb;
    let file = with_verb(session.host.engines(), session.choice(), name)?;
    let id = &file.manifest().id;
    let Some(verb) = file.manifest().verbs.get(name) else {
        // `with_verb` returns only engines that have the verb.
        return Err(OpsError::NoSuchVerb {
            engine: Some(id.to_string()),
            verb: name.clone(),
            able: Vec::new(),
        });
    };
    session.check_no_options(file, name)?;
    let options = settings(verb, &request.given).map_err(|refused| {
        let engines = session.host.engines();
        let takes = |engine: &&EngineFile| {
            let verb = engine.manifest().verbs.get(name);
            let has = |verb: &Verb| verb.options.iter().any(|it| it.name == refused.option);
            engine.manifest().id != *id && verb.is_some_and(has)
        };
        OpsError::VerbOption {
            engine: call_name(engines, id),
            verb: name.clone(),
            problem: refused.problem,
            able: engines
                .iter()
                .filter(takes)
                .map(|it| session.called(it))
                .collect(),
        }
    })?;
    let how_many = verb.saves();
    if how_many != Saves::Nothing {
        request
            .place
            .check(how_many, &call_name(session.host.engines(), id))?;
        if request.place == Place::Output {
            return Err(OpsError::ReportOnOutput { verb: name.clone() });
        }
    }
    let mut running = session.start(file).await?;
    session.note_engine(&running);
    if verb.destructive {
        let subject = subject(verb, &options);
        let words = [Some(name.as_str()), subject].into_iter().flatten();
        let words: Vec<_> = words.map(|word| text::printable(word, MAX_VALUE)).collect();
        let doing = format!("Doing `{}`", words.join(" "));
        let target = subject.unwrap_or(running.scope.target());
        confirm(session, &running, &doing, target, request.is_confirmed).await?;
    }
    let mut deed = Deed::of(name, session, &running);
    deed.id = subject(verb, &options).map(str::to_owned);
    if let Some(timeout) = request.timeout {
        running.instance().limit(timeout);
    }
    if how_many != Saves::Nothing {
        let order = order(verb, request, deed.id.as_deref());
        if let Some(note) = order.place.note() {
            session.reporter().note(&note);
        }
        running.saving.expect(order);
    }
    session.note_begun(&running, None);
    let called = running.instance().act(name, &options).await;
    let acted = outcome(session, &running, called, false).map(|(acted, stored)| {
        let saved = account_for(session, &running, stored, None, &mut deed);
        (acted, saved.filter(|_| how_many != Saves::Nothing))
    });
    deed.record(&acted).await;
    let (acted, saved) = acted?;
    let scope = running.scope();
    let verb = name.clone();
    let report = |scope, text| VerbResult::Report(EngineReport { scope, verb, text });
    let result = match acted {
        Acted::Done => report(scope, None),
        Acted::Text(text) => report(scope, Some(text)),
        Acted::Items(items) => VerbResult::Items(EngineItems {
            scope,
            verb: name.clone(),
            items,
        }),
        Acted::Backups(mut backups) => {
            newest_first(&mut backups);
            VerbResult::Backups(Backups {
                columns: running.manifest.table(),
                scope,
                backups,
                per_pod: None,
                left_out: LeftOut::Nothing,
                is_list: true,
                now: Timestamp::now(),
            })
        }
    };
    Ok(VerbOutcome { result, saved })
}

/// Returns the order for what a verb saves. `subject` is what the verb acts on.
fn order(verb: &Verb, request: &VerbRequest, subject: Option<&str>) -> Order {
    let name = &request.verb;
    let set = subject.map_or_else(|| name.clone(), |subject| format!("{name}-{subject}"));
    Order {
        place: request.place.of(verb.saves(), &set),
        saves: verb.saves(),
        retries: RETRIES,
        accept_unproven: request.accept_unproven,
        id: set,
        created: Some(Timestamp::now()),
        dated: false,
        listed_length: None,
        // Verbs save to files only.
        origin: Origin::default(),
    }
}

/// Returns the name of what the verb acts on: its positional argument, if that is text.
fn subject<'a>(verb: &Verb, options: &'a [OptionSetting]) -> Option<&'a str> {
    let positional = verb.options.iter().find(|option| option.positional)?;
    let setting = options
        .iter()
        .find(|option| option.name == positional.name)?;
    match &setting.value {
        OptionValue::Text(text) => Some(text),
        _ => None,
    }
}

/// An option that the verb of an engine does not take, or lacks.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    option: String,
    /// The problem, as the end of a sentence.
    problem: String,
}

impl Refused {
    fn new(option: &str, problem: String) -> Self {
        let option = option.to_owned();
        Self { option, problem }
    }
}

/// Returns the given options and the defaults of the others. The options are checked against the verb, because
/// the command line may have parsed them for another engine.
fn settings(verb: &Verb, given: &[OptionSetting]) -> Result<Vec<OptionSetting>, Refused> {
    for setting in given {
        let option = verb.options.iter().find(|o| o.name == setting.name);
        match option.map(VerbOption::form) {
            None => {
                let problem = format!("has no option `{}`", setting.name);
                return Err(Refused::new(&setting.name, problem));
            }
            Some(form) if !setting.value.fits(form) => {
                let problem = format!("needs a value of another type for `{}`", setting.name);
                return Err(Refused::new(&setting.name, problem));
            }
            Some(_) => {}
        }
    }
    let mut settings = Vec::new();
    for option in &verb.options {
        let given = given.iter().find(|setting| setting.name == option.name);
        let value = given
            .map(|setting| setting.value.clone())
            .or_else(|| OptionValue::default_of(option.form()));
        match value {
            Some(value) => settings.push(OptionSetting {
                name: option.name.clone(),
                value,
            }),
            None if option.is_required() => {
                let problem = format!("needs `{}`", option.name);
                return Err(Refused::new(&option.name, problem));
            }
            None => {}
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use broker_manifest::OptionKind;

    use super::*;

    fn option(name: &str, kind: OptionKind) -> VerbOption {
        VerbOption {
            name: name.to_owned(),
            kind,
            choices: Vec::new(),
            default: None,
            help: "x".to_owned(),
            positional: false,
            required: false,
        }
    }

    fn verb() -> Verb {
        let mut name = option("name", OptionKind::Text);
        name.positional = true;
        let mut passes = option("passes", OptionKind::Integer);
        passes.default = Some("3".to_owned());
        let mut how = option("how", OptionKind::Text);
        how.choices = vec!["fast".into()];
        Verb {
            help: "Destroy a backup".to_owned(),
            destructive: true,
            saves: false,
            many_files: false,
            options: vec![name, passes, how, option("force", OptionKind::Boolean)],
        }
    }

    fn given(name: &str, value: OptionValue) -> OptionSetting {
        OptionSetting {
            name: name.to_owned(),
            value,
        }
    }

    fn text(value: &str) -> OptionValue {
        OptionValue::Text(value.to_owned())
    }

    #[test]
    fn defaults_stand_in_for_what_was_not_given() {
        let settings = settings(&verb(), &[given("name", text("a"))]);
        let expected = vec![
            given("name", text("a")),
            given("passes", OptionValue::Integer(3)),
            given("force", OptionValue::Boolean(false)),
        ];
        assert_eq!(settings, Ok(expected));
    }

    #[test]
    fn what_the_engine_does_not_take_is_not_dropped_silently() {
        let with =
            |name: &str, value| settings(&verb(), &[given("name", text("a")), given(name, value)]);
        let refused = |option: &str, problem: &str| Err(Refused::new(option, problem.to_owned()));
        assert_eq!(
            with("dry-run", OptionValue::Boolean(true)),
            refused("dry-run", "has no option `dry-run`")
        );
        assert_eq!(
            with("passes", text("many")),
            refused("passes", "needs a value of another type for `passes`")
        );
        assert_eq!(
            with("how", text("slow")),
            refused("how", "needs a value of another type for `how`")
        );
        assert_eq!(settings(&verb(), &[]), refused("name", "needs `name`"));
    }

    #[test]
    fn the_subject_is_the_first_argument_without_a_flag() {
        let settings = [
            given("passes", OptionValue::Integer(1)),
            given("name", text("a")),
        ];
        assert_eq!(subject(&verb(), &settings), Some("a"));
        assert_eq!(subject(&verb(), &settings[..1]), None);
    }
}
