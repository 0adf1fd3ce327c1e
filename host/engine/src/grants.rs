use std::collections::BTreeMap;
use std::time::Duration;

use broker_manifest::{
    Auth, AwsService, Command, Endpoint, HeaderRule, Manifest, Method, ObjectKind, ResourceRule,
    ResourceVerb, Scope, Select, Store, StoreVerb, is_bucket, is_label, overrides_method,
};
use host_base::{Report, ReportKind, text};

use super::{GrantedCommand, GrantedObjects, OptionSetting, OptionValue, Place};

/// The capabilities of an engine. Every host call is checked here first, and nowhere else.
#[derive(Clone, Debug)]
pub struct Grants {
    endpoints: BTreeMap<String, Endpoint>,
    commands: BTreeMap<String, Command>,
    objects: Vec<ResourceRule>,
    stores: BTreeMap<String, Store>,
    services: BTreeMap<String, AwsService>,
}

/// The maximum length of a key of an object store, in bytes. Source:
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const MAX_KEY: usize = 1024;

/// A request that the grants allow.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted {
    /// HTTP method of the request.
    pub method: Method,
    /// The path with its parameters filled in and encoded.
    pub path: String,
    /// How the host authenticates the request.
    pub auth: Auth,
    /// How the server of the endpoint is found.
    pub select: Select,
}

impl Grants {
    /// Grants everything that the manifest asks for. Bundled engines need no consent: they ship with the
    /// host.
    #[must_use]
    pub fn all_of(manifest: &Manifest) -> Self {
        Self {
            endpoints: manifest.endpoints.clone(),
            commands: manifest.exec.clone(),
            objects: manifest
                .resources
                .as_ref()
                .map(|resources| resources.allow.clone())
                .unwrap_or_default(),
            stores: manifest.storage.clone(),
            services: manifest.aws.clone(),
        }
    }

    /// Checks whether the engine may send a request, and returns its path and how it is sent.
    ///
    /// # Errors
    /// `denied` if the request is not granted; `invalid-argument` if a parameter is not allowed in a path.
    pub fn check_request(
        &self,
        endpoint: &str,
        method: Method,
        route: &str,
        parameters: &[(String, String)],
    ) -> Result<Granted, Report> {
        let Some(grant) = self.endpoints.get(endpoint) else {
            return Err(Report::new(
                ReportKind::Denied,
                format!("the manifest names no endpoint `{endpoint}`"),
            ));
        };
        let allowed = grant
            .allow
            .iter()
            .find(|allowed| allowed.method() == method && allowed.template() == route);
        let Some(allowed) = allowed else {
            return Err(Report::new(
                ReportKind::Denied,
                format!(
                    "the manifest does not allow `{} {route}` on endpoint `{endpoint}`",
                    method.name()
                ),
            ));
        };
        Ok(Granted {
            method,
            path: grant
                .fill(allowed, parameters)
                .map_err(|e| Report::new(ReportKind::InvalidArgument, e.to_string()))?,
            auth: grant.auth.clone(),
            select: grant.select,
        })
    }

    /// Returns the granted endpoint of this name.
    #[must_use]
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.get(name)
    }

    /// Checks whether the engine may run a command, and returns the command with its arguments filled in.
    ///
    /// # Errors
    /// `denied` if the command is not granted; `invalid-argument` if a value is not allowed as an argument.
    pub fn check_command(
        &self,
        name: &str,
        arguments: &[(String, String)],
    ) -> Result<GrantedCommand, Report> {
        let Some(command) = self.commands.get(name) else {
            return Err(Report::new(
                ReportKind::Denied,
                format!("the manifest names no command `{name}`"),
            ));
        };
        let argv = command
            .fill(arguments)
            .map_err(|e| Report::new(ReportKind::InvalidArgument, e.to_string()))?;
        Ok(GrantedCommand {
            container: command.container.clone(),
            argv,
            timeout: Duration::from_secs(command.timeout.into()),
        })
    }

    /// Checks whether the engine may know the names of the pods. Only an engine with commands needs them.
    ///
    /// # Errors
    /// `denied` if no command is granted.
    pub fn check_pods(&self) -> Result<(), Report> {
        if self.commands.is_empty() {
            return Err(Report::new(
                ReportKind::Denied,
                "the manifest names no command that could run in a pod",
            ));
        }
        Ok(())
    }

    /// Checks whether the engine may ask single pods of an endpoint.
    ///
    /// # Errors
    /// `denied` if the manifest does not say `replicas`.
    pub fn check_replicas(&self, endpoint: &str) -> Result<(), Report> {
        if self.endpoints.get(endpoint).is_some_and(|it| it.replicas) {
            return Ok(());
        }
        let message = format!("the manifest does not say `replicas` for endpoint `{endpoint}`");
        Err(Report::new(ReportKind::Denied, message))
    }

    /// Checks whether the engine may use a verb on objects of a kind, and returns where the objects are.
    ///
    /// # Errors
    /// `denied` if the verb or the namespace is not granted; `invalid-argument` if the namespace has no valid
    /// name.
    pub fn check_objects(
        &self,
        kind: &ObjectKind,
        namespace: Option<String>,
        verb: ResourceVerb,
    ) -> Result<GrantedObjects, Report> {
        let mut rules = self.objects.iter();
        let rule = rules.find(|rule| rule.kind() == kind);
        let Some(rule) = rule.filter(|rule| rule.verbs().contains(&verb)) else {
            return Err(Report::new(
                ReportKind::Denied,
                format!("the manifest does not allow `{verb}` of objects {kind}"),
            ));
        };
        let place = match (rule.scope(), namespace) {
            (Scope::Any, Some(name)) if !is_label(&name) => {
                let message = format!("`{name}` is not the name of a namespace");
                return Err(Report::new(ReportKind::InvalidArgument, message));
            }
            (Scope::Any, Some(name)) => Place::Namespace(name),
            (Scope::Command | Scope::Any, None) => Place::Command,
            (Scope::Cluster, None) => Place::Cluster,
            (Scope::Namespace(granted), None) => Place::Namespace(granted.clone()),
            (Scope::Namespace(granted), Some(name)) if *granted == name => Place::Namespace(name),
            (_, Some(name)) => {
                let message =
                    format!("the manifest does not allow objects {kind} in namespace `{name}`");
                return Err(Report::new(ReportKind::Denied, message));
            }
        };
        Ok(GrantedObjects {
            kind: kind.clone(),
            place,
            watchable: rule.verbs().contains(&ResourceVerb::Watch),
        })
    }

    /// Checks whether the engine may use a verb on an object of a store or, for `list`, on the keys that begin
    /// with `key`. `options` are those of the running operation.
    ///
    /// # Errors
    /// `denied` if the access is not granted; `invalid-argument` if no store could have the bucket or the key.
    pub fn check_store(
        &self,
        store: &str,
        verb: StoreVerb,
        bucket: &str,
        key: &str,
        options: &[OptionSetting],
    ) -> Result<&Store, Report> {
        let Some(granted) = self.stores.get(store) else {
            let message = format!("the manifest names no store `{store}`");
            return Err(Report::new(ReportKind::Denied, message));
        };
        if !is_bucket(bucket) {
            let message = format!(
                "`{}` is not a name of a bucket",
                text::printable(bucket, 100)
            );
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        // A server may take the segments for a way to another key.
        let climbs = key.split('/').any(|part| matches!(part, "." | ".."));
        let is_name = verb == StoreVerb::List || !key.is_empty();
        if climbs || key.len() > MAX_KEY || key.contains(char::is_control) || !is_name {
            let message = format!("`{}` is not a key of an object", text::printable(key, 100));
            return Err(Report::new(ReportKind::InvalidArgument, message));
        }
        let value = |name: &str| {
            let mut options = options.iter();
            options.find_map(|option| match &option.value {
                OptionValue::Text(text) if option.name == name => Some(text.as_str()),
                _ => None,
            })
        };
        if granted.allows(verb, bucket, key, value) {
            return Ok(granted);
        }
        let at = format!("{bucket}/{key}");
        let message = format!(
            "the manifest does not allow `{verb}` in `{}` of store `{store}`",
            text::printable(&at, 200)
        );
        Err(Report::new(ReportKind::Denied, message))
    }

    /// Checks whether the engine may call an action of a service, and returns the version of the service's API.
    ///
    /// # Errors
    /// `denied` if the action is not granted.
    pub fn check_action(&self, service: &str, action: &str) -> Result<&str, Report> {
        let granted = self.services.get(service);
        let granted = granted.filter(|it| it.allow.iter().any(|name| name == action));
        granted.map(|it| it.version.as_str()).ok_or_else(|| {
            let what = format!("{service}:{action}");
            let what = text::printable(&what, 200);
            let message = format!("the manifest does not allow the action `{what}`");
            Report::new(ReportKind::Denied, message)
        })
    }

    /// Checks whether the engine may set a header.
    ///
    /// # Errors
    /// `denied` if the manifest does not name the header for this endpoint, or if no engine may send it.
    pub fn check_header(&self, endpoint: &str, name: &str) -> Result<(), Report> {
        let named = self.endpoints.get(endpoint);
        if named.is_some_and(|endpoint| endpoint.may_send(name)) {
            return Ok(());
        }
        let message = match HeaderRule::of(name) {
            HeaderRule::Never => format!(
                "no engine may send the header `{name}`: it belongs to the host, or it can turn this request into another one"
            ),
            HeaderRule::Named | HeaderRule::Always => {
                format!("the manifest does not name the header `{name}` for endpoint `{endpoint}`")
            }
        };
        Err(Report::new(ReportKind::Denied, message))
    }

    /// Checks whether an engine may send a query parameter.
    ///
    /// # Errors
    /// `denied` if a server may take the parameter as an override of the method.
    pub fn check_query(name: &str) -> Result<(), Report> {
        if overrides_method(name) {
            return Err(Report::new(
                ReportKind::Denied,
                format!(
                    "no engine may send `{name}` in a query: it can turn this request into another one"
                ),
            ));
        }
        Ok(())
    }

    /// Checks whether an engine may send a header or query parameter of this name to S3. Names that begin
    /// with `x-amz-` decide who authenticates and who pays for the request.
    ///
    /// # Errors
    /// `denied` if the name is reserved for the host.
    pub fn check_s3_name(name: &str) -> Result<(), Report> {
        if name.to_ascii_lowercase().starts_with("x-amz-") {
            return Err(Report::new(
                ReportKind::Denied,
                format!("an engine can't send `{name}` to S3; the host owns it"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Grants {
        let manifest = Manifest::from_toml(
            r#"
            id = "acme/vault"
            version = "1.0.0"
            summary = "x"
            [operations.detect]
            [endpoints.api]
            select = "pod"
            port = { numbers = [80] }
            allow = ["GET /b", "GET /b/{id}"]
            headers = ["X-Request-Id"]
            [exec.look]
            container = "vault"
            argv = ["ls", "-1", "{folder}"]
            timeout = 5
            "#,
        )
        .expect("a valid manifest");
        Grants::all_of(&manifest)
    }

    fn check(
        endpoint: &str,
        method: Method,
        route: &str,
        id: Option<&str>,
    ) -> Result<String, ReportKind> {
        let parameters: Vec<_> = id
            .map(|id| ("id".to_owned(), id.to_owned()))
            .into_iter()
            .collect();
        grants()
            .check_request(endpoint, method, route, &parameters)
            .map(|granted| granted.path)
            .map_err(|report| report.kind)
    }

    #[test]
    fn only_the_named_endpoint_method_and_route_are_granted() {
        let denied = Err(ReportKind::Denied);
        assert_eq!(check("api", Method::Get, "/b", None), Ok("/b".into()));
        assert_eq!(check("other", Method::Get, "/b", None), denied);
        assert_eq!(check("api", Method::Post, "/b", None), denied);
        assert_eq!(check("api", Method::Get, "/c", None), denied);
        assert_eq!(check("api", Method::Get, "/b/../c", None), denied);
        assert_eq!(check("api", Method::Get, "/b/7", None), denied);
    }

    #[test]
    fn a_parameter_that_would_leave_its_segment_is_no_denial_but_a_bad_argument() {
        assert_eq!(
            check("api", Method::Get, "/b/{id}", Some("7")),
            Ok("/b/7".into())
        );
        assert_eq!(
            check("api", Method::Get, "/b/{id}", Some("../x")),
            Err(ReportKind::InvalidArgument)
        );
    }

    fn command(name: &str, arguments: &[(&str, &str)]) -> Result<GrantedCommand, ReportKind> {
        let arguments: Vec<_> = arguments
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        grants()
            .check_command(name, &arguments)
            .map_err(|report| report.kind)
    }

    #[test]
    fn only_the_named_command_is_granted_with_a_value_for_each_placeholder() {
        let granted = GrantedCommand {
            container: Some("vault".into()),
            argv: vec!["ls".into(), "-1".into(), "/a; rm -rf /".into()],
            timeout: Duration::from_secs(5),
        };
        assert_eq!(command("look", &[("folder", "/a; rm -rf /")]), Ok(granted));
        for name in ["ls", "", "look ", "Look"] {
            assert_eq!(
                command(name, &[("folder", "/a")]),
                Err(ReportKind::Denied),
                "{name}"
            );
        }
        let bad = Err(ReportKind::InvalidArgument);
        assert_eq!(command("look", &[]), bad);
        assert_eq!(command("look", &[("folder", "/a"), ("more", "-x")]), bad);
        for value in ["", "-R", "a\nb", "a\0"] {
            assert_eq!(command("look", &[("folder", value)]), bad, "{value:?}");
        }
    }

    #[test]
    fn an_engine_without_commands_learns_of_no_pod() {
        assert!(grants().check_pods().is_ok());
        let none = Grants {
            commands: BTreeMap::new(),
            ..grants()
        };
        assert_eq!(
            none.check_pods().map_err(|report| report.kind),
            Err(ReportKind::Denied)
        );
    }

    #[test]
    fn only_headers_that_the_manifest_names_and_harmless_ones_are_granted() {
        let grants = grants();
        let header = |endpoint, name| grants.check_header(endpoint, name).map_err(|r| r.kind);
        assert_eq!(header("api", "x-request-id"), Ok(()));
        assert_eq!(header("api", "Accept"), Ok(()));
        let denied = Err(ReportKind::Denied);
        assert_eq!(header("other", "x-request-id"), denied);
        for name in [
            "x-trace-id",
            "Host",
            "AUTHORIZATION",
            "x-forwarded-for",
            "X-Original-URL",
        ] {
            assert_eq!(header("api", name), denied, "{name}");
        }
        assert!(Grants::check_query("_method").is_err());
        assert!(Grants::check_query("limit").is_ok());
        for name in ["x-amz-request-payer", "X-Amz-Security-Token"] {
            assert!(Grants::check_s3_name(name).is_err(), "{name}");
        }
        assert!(Grants::check_s3_name("range").is_ok());
    }
}
