//! Documents of one title from different sources: the general one first, unless the question names a platform or the
//! cluster is known to be one.
//!
//! Collections of runbooks for different platforms name their runbooks after the same alerts. Nothing else tells such twins
//! apart as well as whether question and document speak of a platform. Only documents of the same title change places.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::analysis;

/// What Kubernetes runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Red Hat OpenShift and OKD.
    OpenShift,
    /// Amazon's.
    Eks,
    /// Google's.
    Gke,
    /// Azure's.
    Aks,
    /// Rancher, RKE and k3s.
    Rancher,
    /// VMware's.
    Tanzu,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::OpenShift, Self::Eks, Self::Gke, Self::Aks, Self::Rancher, Self::Tanzu];

    /// The name in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenShift => "openshift",
            Self::Eks => "eks",
            Self::Gke => "gke",
            Self::Aks => "aks",
            Self::Rancher => "rancher",
            Self::Tanzu => "tanzu",
        }
    }

    /// The platform of that name, in whatever case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name().eq_ignore_ascii_case(name.trim()))
    }

    /// How a text shows that it is about it. Without Unicode: with its boundaries of words, whole documents are read many
    /// times as slowly.
    fn pattern(self) -> &'static str {
        match self {
            Self::OpenShift => {
                r"(?i-u)openshift|\b(?:okd|ocp|odf)\b|\boc (?:get|adm|describe|logs|-n|debug|project|patch|edit|delete|exec|rsh|whoami|apply|create|label)\b"
            }
            Self::Eks => r"(?i-u)\b(?:eks|eksctl|amazon web services|aws-node)\b|\baws (?:ec2|eks|iam)\b",
            Self::Gke => r"(?i-u)\bgke\b|google kubernetes engine|\bgcloud (?:container|compute)\b",
            Self::Aks => r"(?i-u)\baks\b|azure kubernetes service|\baz (?:aks|vm|vmss)\b",
            Self::Rancher => r"(?i-u)\b(?:rancher|rke2?|k3s)\b",
            Self::Tanzu => r"(?i-u)\b(?:tanzu|vsphere|tkg)\b",
        }
    }
}

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    Platform::ALL.iter().filter_map(|platform| Regex::new(platform.pattern()).ok()).collect()
});

/// Which platforms a text speaks of, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Platforms(u8);

impl Platforms {
    /// Reads a text.
    pub(crate) fn of(text: &str) -> Self {
        let bits = PATTERNS.iter().enumerate().filter(|(_, pattern)| pattern.is_match(text));
        Self(bits.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// The same, or where no platform is named the one that there is.
    pub(crate) fn or(self, there: Option<Platform>) -> Self {
        let place = there.and_then(|there| Platform::ALL.iter().position(|platform| *platform == there));
        match place {
            Some(place) if self.0 == 0 => Self(1 << place),
            _ => self,
        }
    }

    /// How badly a document fits a question: 0 the same platforms or none, more for each that only one of them names.
    fn distance(self, question: Self) -> u32 {
        (self.0 ^ question.0).count_ones()
    }
}

/// What of a document decides about its twins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kin {
    /// The title as words, lower case.
    pub(crate) title: String,
    /// The platforms that the document speaks of.
    pub(crate) platforms: Platforms,
}

impl Kin {
    /// From a document's title and whole text.
    pub(crate) fn of(title: &str, text: &str) -> Self {
        Self { title: analysis::spoken(title).to_lowercase(), platforms: Platforms::of(text) }
    }

    /// As one word of an index.
    pub(crate) fn encode(&self) -> String {
        format!("{:02x}{}", self.platforms.0, self.title)
    }

    /// From that word.
    pub(crate) fn decode(word: &str) -> Option<Self> {
        let platforms = u8::from_str_radix(word.get(..2)?, 16).ok()?;
        Some(Self { title: word.get(2..)?.to_owned(), platforms: Platforms(platforms) })
    }
}

/// Puts twins in order: they keep their places as a set, those that fit the question's platforms best come first.
pub(crate) fn order_twins<'k, T>(
    ranking: &mut Vec<T>,
    question: Platforms,
    kin: impl Fn(&T) -> Option<&'k Kin>,
) {
    let kins: Vec<Option<&Kin>> = ranking.iter().map(kin).collect();
    let mut places = HashMap::<&str, Vec<usize>>::new();
    for (place, kin) in kins.iter().enumerate() {
        if let Some(kin) = kin {
            places.entry(&kin.title).or_default().push(place);
        }
    }
    let mut order: Vec<usize> = (0..ranking.len()).collect();
    for places in places.values().filter(|places| places.len() > 1) {
        let mut sorted = places.clone();
        let distance =
            |place: &usize| kins.get(*place).copied().flatten().map(|k| k.platforms.distance(question));
        sorted.sort_by_key(distance);
        for (place, taken) in places.iter().zip(sorted) {
            if let Some(slot) = order.get_mut(*place) {
                *slot = taken;
            }
        }
    }
    let mut taken: Vec<Option<T>> = ranking.drain(..).map(Some).collect();
    ranking.extend(order.into_iter().filter_map(|at| taken.get_mut(at).and_then(Option::take)));
}

#[cfg(test)]
mod tests {
    use super::{Kin, Platform, Platforms, order_twins};

    fn ranked(question: &str, there: Option<Platform>) -> Vec<&'static str> {
        let crash = "KubePodCrashLooping";
        let mut ranking = vec![
            ("oc/crash", Kin::of(crash, "run `oc get pods` in OpenShift")),
            ("k8s/other", Kin::of("Other", "run kubectl get pods")),
            ("k8s/crash", Kin::of(crash, "run kubectl get pods")),
        ];
        let kins = ranking.clone();
        let kin = |(key, _): &(&str, Kin)| kins.iter().find(|(known, _)| known == key).map(|(_, kin)| kin);
        order_twins(&mut ranking, Platforms::of(question).or(there), kin);
        ranking.into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn of_twins_the_general_one_comes_first_unless_the_platform_is_named() {
        assert_eq!(ranked("pod is crash looping", None), ["k8s/crash", "k8s/other", "oc/crash"]);
        assert_eq!(
            ranked("pod in openshift-etcd is crash looping", None),
            ["oc/crash", "k8s/other", "k8s/crash"]
        );
    }

    #[test]
    fn of_twins_that_of_the_platform_comes_first_where_the_question_names_none() {
        let openshift = Some(Platform::OpenShift);
        assert_eq!(ranked("pod is crash looping", openshift), ["oc/crash", "k8s/other", "k8s/crash"]);
        assert_eq!(ranked("pod on EKS is crash looping", openshift), ["k8s/crash", "k8s/other", "oc/crash"]);
        assert_eq!(
            ranked("pod is crash looping", Some(Platform::Gke)),
            ["k8s/crash", "k8s/other", "oc/crash"]
        );
    }

    #[test]
    fn every_platform_is_known_by_its_name_and_in_a_text() {
        for platform in Platform::ALL {
            assert_eq!(Platform::named(&platform.name().to_uppercase()), Some(platform));
            assert_eq!(Platforms::of(platform.name()), Platforms::default().or(Some(platform)));
        }
        assert_eq!(Platform::named("minikube"), None);
    }

    #[test]
    fn kin_survives_the_index() {
        let kin = Kin::of("KubePodCrashLooping", "an EKS cluster");
        assert_eq!(Kin::decode(&kin.encode()), Some(kin));
    }
}
