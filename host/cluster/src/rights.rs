//! Asks which version the API server has, and which permissions this user has on it. Only `backup test` asks
//! ahead of use. Every other command learns of a missing permission from the request that needed it.

use std::borrow::Cow;

use broker_manifest::ResourceVerb;
use futures_util::future::join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use serde::Deserialize;

use super::request::{
    ACCESS_REVIEWS, Access, ENDPOINT_SLICES, LEASES, NODES, POD_EXEC, PODS, PORT_FORWARD, Resource,
    SECRETS, STATEFUL_SETS, VERSION,
};
use super::{Cluster, ClusterError, ObjectType};

/// A purpose that needs permissions: a resource with all the verbs that are used on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Reading pods.
    Pods,
    /// Opening port-forwards.
    PortForward,
    /// Reading StatefulSets.
    StatefulSets,
    /// Reading EndpointSlices.
    EndpointSlices,
    /// Locking with Leases.
    Leases,
    /// Reading Secrets.
    Secrets,
    /// Running commands in pods.
    Exec,
    /// Reading nodes, which are in no namespace.
    Nodes,
}

/// The permissions that this user has for a need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The plural with its subresource, as in RBAC rules.
    pub on: String,
    /// The verbs that are allowed.
    pub allowed: Vec<&'static str>,
    /// The verbs that are not allowed.
    pub missing: Vec<&'static str>,
    /// The rule that grants all of it, as a command and as a line of a Role.
    pub rule: String,
}

/// The version of an API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// The version text of the server, such as `v1.32.4`. It is untrusted: escape it before you show it.
    pub text: String,
    /// Major and minor number, if they are readable.
    pub numbers: Option<(u32, u32)>,
}

/// The used fields of `version.Info` of k8s.io/apimachinery.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    major: String,
    minor: String,
    git_version: String,
}

impl Need {
    fn resource(self) -> &'static Resource {
        match self {
            Self::Pods => &PODS,
            Self::PortForward => &PORT_FORWARD,
            Self::StatefulSets => &STATEFUL_SETS,
            Self::EndpointSlices => &ENDPOINT_SLICES,
            Self::Leases => &LEASES,
            Self::Secrets => &SECRETS,
            Self::Exec => &POD_EXEC,
            Self::Nodes => &NODES,
        }
    }
}

impl Cluster {
    /// Asks the API server for its version.
    ///
    /// # Errors
    /// When it can't be reached, or its response is invalid.
    pub async fn server_version(&self) -> Result<ServerVersion, ClusterError> {
        let access = self.access("get", &VERSION, None);
        let info = self.ask::<Info>(&access, Vec::new()).await?.object;
        Ok(ServerVersion {
            numbers: numbers(&info.major, &info.minor),
            text: info.git_version,
        })
    }

    /// Asks which verbs of `need` this user may use in the namespace, with one concurrent request for each
    /// verb.
    ///
    /// # Errors
    /// When the API server does not respond to one of them.
    pub async fn rights(&self, need: Need) -> Result<Rights, ClusterError> {
        self.rights_on(need.resource(), self.namespace()).await
    }

    /// Asks which verbs this user may use on objects of a kind.
    ///
    /// # Errors
    /// When the API server does not respond to one of the requests.
    pub async fn object_rights(
        &self,
        ty: &ObjectType,
        verbs: &[ResourceVerb],
    ) -> Result<Vec<Rights>, ClusterError> {
        let (status, main): (Vec<_>, Vec<_>) = verbs
            .iter()
            .copied()
            .partition(|verb| *verb == ResourceVerb::PatchStatus);
        let main = ty.needing(main.into_iter().map(ResourceVerb::name).collect(), "");
        let status = ty.needing(status.into_iter().map(|_| "patch").collect(), "/status");
        let mut rights = Vec::new();
        for resource in [main, status] {
            if !resource.verbs.is_empty() {
                // Outside of namespaces, a review names none.
                let namespace = ty.namespace().unwrap_or_default();
                rights.push(self.rights_on(&resource, namespace).await?);
            }
        }
        Ok(rights)
    }

    async fn rights_on(
        &self,
        resource: &Resource,
        namespace: &str,
    ) -> Result<Rights, ClusterError> {
        let asked = resource.verbs.iter().map(|verb| async move {
            let allowed = self.may(verb, resource, namespace).await?;
            Ok((*verb, allowed))
        });
        let mut rights = Rights {
            allowed: Vec::new(),
            missing: Vec::new(),
            on: resource.name.to_string(),
            rule: Access {
                verb: "get",
                resource: Cow::Owned(resource.clone()),
                name: None,
                namespace: namespace.to_owned(),
            }
            .rule(),
        };
        for answer in join_all(asked).await {
            match answer? {
                (verb, true) => rights.allowed.push(verb),
                (verb, false) => rights.missing.push(verb),
            }
        }
        Ok(rights)
    }

    async fn may(
        &self,
        verb: &str,
        resource: &Resource,
        namespace: &str,
    ) -> Result<bool, ClusterError> {
        let (name, subresource) = match resource.name.split_once('/') {
            Some((name, subresource)) => (name, Some(subresource)),
            None => (&*resource.name, None),
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: resource.namespaced.then(|| namespace.to_owned()),
                    verb: Some(verb.to_owned()),
                    group: Some(resource.group.to_string()),
                    resource: Some(name.to_owned()),
                    subresource: subresource.map(str::to_owned),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let access = self.access("create", &ACCESS_REVIEWS, None);
        let answer = Box::pin(self.write::<SelfSubjectAccessReview>(&access, &review)).await?;
        Ok(answer.object.status.is_some_and(|status| status.allowed))
    }
}

/// Parses the version numbers. Some distributions write `27+`.
fn numbers(major: &str, minor: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.trim_end_matches('+').parse().ok();
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Answers, Script, status, step};

    const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

    #[tokio::test]
    async fn the_version_is_read_whatever_a_distribution_adds_to_it() {
        for (minor, version, numbers) in [
            ("32", "v1.32.4", Some((1, 32))),
            ("25+", "v1.25.16-eks-4f4795d", Some((1, 25))),
            ("", "devel", None),
        ] {
            let info = json!({"major": "1", "minor": minor, "gitVersion": version});
            let cluster = Answers::default().with("/version", 200, &info).mocked();
            let read = cluster.server_version().await.unwrap();
            assert_eq!((read.text.as_str(), read.numbers), (version, numbers));
        }
    }

    #[tokio::test]
    async fn each_verb_is_asked_for_with_the_subresource_apart() {
        let answer = |allowed: bool| {
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                   "spec": {}, "status": {"allowed": allowed}})
        };
        let script = Script::run(
            "Sat, 06 Sep 2025 12:00:00 GMT",
            vec![
                step("POST selfsubjectaccessreviews", 201, answer(true)),
                step("POST selfsubjectaccessreviews", 201, answer(false)),
            ],
        );
        let rights = script.cluster.rights(Need::PortForward).await.unwrap();
        assert_eq!(
            (rights.allowed, rights.missing),
            (vec!["get"], vec!["create"])
        );
        assert!(rights.rule.contains("--resource=pods/portforward`"));
        let asked = &script.bodies()[1]["spec"]["resourceAttributes"];
        assert_eq!(
            *asked,
            json!({"namespace": "mqtt", "verb": "create", "group": "", "resource": "pods",
                   "subresource": "portforward"})
        );
    }

    #[tokio::test]
    async fn a_right_on_what_is_in_no_namespace_is_asked_for_without_one() {
        let answer = json!({"spec": {}, "status": {"allowed": false}});
        let step = step("POST selfsubjectaccessreviews", 201, answer);
        let script = Script::run("Sat, 06 Sep 2025 12:00:00 GMT", vec![step]);
        let rights = script.cluster.rights(Need::Nodes).await.unwrap();
        assert!(
            rights
                .rule
                .contains("kubectl create clusterrole broker-nodes --verb=get")
        );
        let asked = &script.bodies()[0]["spec"]["resourceAttributes"];
        assert_eq!(
            *asked,
            json!({"verb": "get", "group": "", "resource": "nodes"})
        );
    }

    #[tokio::test]
    async fn an_answer_without_a_status_allows_nothing() {
        let empty = json!({"apiVersion": "authorization.k8s.io/v1",
                           "kind": "SelfSubjectAccessReview", "spec": {}});
        let cluster = Answers::default().with(REVIEWS, 201, &empty).mocked();
        let rights = cluster.rights(Need::EndpointSlices).await.unwrap();
        assert_eq!((rights.allowed.len(), rights.missing), (0, vec!["list"]));
    }

    #[tokio::test]
    async fn a_review_that_is_refused_is_an_error_and_no_missing_right() {
        let cluster = Answers::default()
            .with(REVIEWS, 403, &status(403, "no"))
            .mocked();
        let error = cluster.rights(Need::Pods).await.unwrap_err();
        assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
    }
}
