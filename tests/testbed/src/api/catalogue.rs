//! Built-in types that the server only stores: nothing acts on their objects.

use super::columns;
use super::custom::definition;
use super::resources::ResourceType;

/// Returns the types that a chart or its operator brings along.
///
/// A ValidatingAdmissionPolicy is stored too, and isn't enforced.
pub fn stored() -> Vec<ResourceType> {
    let plain = |group: &str, kind: &str, plural: &str, short: &[&str]| {
        ResourceType::built_in(group, kind, plural, short, columns::plain())
    };
    let cluster = |ty: ResourceType| ResourceType {
        namespaced: false,
        ..ty
    };
    let admission = "admissionregistration.k8s.io";
    vec![
        ResourceType {
            status: true,
            generation: true,
            ..plain(
                "policy",
                "PodDisruptionBudget",
                "poddisruptionbudgets",
                &["pdb"],
            )
        },
        ResourceType {
            generation: true,
            ..plain(
                "networking.k8s.io",
                "NetworkPolicy",
                "networkpolicies",
                &["netpol"],
            )
        },
        cluster(plain(
            "scheduling.k8s.io",
            "PriorityClass",
            "priorityclasses",
            &["pc"],
        )),
        cluster(ResourceType {
            status: true,
            generation: true,
            categories: vec!["api-extensions".to_owned()],
            ..plain(
                definition::GROUP,
                "CustomResourceDefinition",
                definition::PLURAL,
                &["crd", "crds"],
            )
        }),
        cluster(ResourceType {
            status: true,
            generation: true,
            categories: vec!["api-extensions".to_owned()],
            ..plain(
                admission,
                "ValidatingAdmissionPolicy",
                "validatingadmissionpolicies",
                &[],
            )
        }),
        cluster(ResourceType {
            generation: true,
            categories: vec!["api-extensions".to_owned()],
            ..plain(
                admission,
                "ValidatingAdmissionPolicyBinding",
                "validatingadmissionpolicybindings",
                &[],
            )
        }),
    ]
}
