use form_urlencoded::Serializer;

use crate::page::health::Health;

/// Schedules on a page.
pub(crate) const PER_PAGE: usize = 100;

/// The wishes of a reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The only namespace to show.
    pub(crate) namespace: Option<String>,
    /// The schedule to show in detail. It needs a namespace.
    pub(crate) schedule: Option<String>,
    /// The only health of schedules to show.
    pub(crate) health: Option<Health>,
    /// The page of schedules, from 0.
    pub(crate) page: usize,
}

impl Query {
    /// Reads the query of an address. Parts without a meaning are left out: an old link should still show something.
    pub(crate) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let some = Some(value.trim().to_owned()).filter(|it| !it.is_empty());
            match &*name {
                "namespace" => query.namespace = some,
                "schedule" => query.schedule = some,
                "health" => query.health = Health::parse(&value),
                "page" => {
                    let number = value.parse::<usize>().unwrap_or(1);
                    query.page = number.saturating_sub(1);
                }
                _ => {}
            }
        }
        query
    }

    /// Returns the link to this, relative to every page: the operator may stand behind a proxy with a path of its own.
    pub(crate) fn link(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        if let Some(namespace) = &self.namespace {
            pairs.append_pair("namespace", namespace);
        }
        if let Some(schedule) = &self.schedule {
            pairs.append_pair("schedule", schedule);
        }
        if let Some(health) = self.health {
            pairs.append_pair("health", health.name());
        }
        if self.page > 0 {
            pairs.append_pair("page", &self.page.saturating_add(1).to_string());
        }
        format!("?{}", pairs.finish())
    }

    /// Returns the same with another health, from the first page on.
    pub(crate) fn of_health(&self, health: Option<Health>) -> Self {
        Self {
            health,
            page: 0,
            ..self.clone()
        }
    }

    /// Returns the same on another page.
    pub(crate) fn at(&self, page: usize) -> Self {
        Self {
            page,
            ..self.clone()
        }
    }
}

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// The page, from 0.
    pub(crate) page: usize,
    /// Number of pages, at least 1.
    pub(crate) pages: usize,
    /// The first item on the page.
    pub(crate) start: usize,
    /// The item after the last one.
    pub(crate) end: usize,
}

impl Paging {
    /// Returns the page of a list of `count` items. A page after the end is the last one.
    pub(crate) fn of(count: usize, page: usize) -> Self {
        let pages = count.div_ceil(PER_PAGE).max(1);
        let page = page.min(pages - 1);
        let start = page * PER_PAGE;
        Self {
            page,
            pages,
            start,
            end: count.min(start + PER_PAGE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_what_it_was_made_of() {
        let query = Query {
            namespace: Some("a&b=<c> #é".to_owned()),
            schedule: Some("x".to_owned()),
            health: Some(Health::Failing),
            page: 41,
        };
        let link = query.link();
        assert_eq!(Query::parse(&link[1..]), query);
        assert!(
            link.is_ascii() && !link.contains(['<', '"', '#', ' ']),
            "{link}"
        );
        assert_eq!(Query::default().link(), "?");
    }

    #[test]
    fn a_query_without_meaning_shows_the_first_page_of_all() {
        for text in [
            "",
            "page=0",
            "page=-1",
            "page=x&namespace=&health=ill",
            "%ff&&=",
        ] {
            assert_eq!(Query::parse(text), Query::default(), "{text}");
        }
    }

    #[test]
    fn pages_cover_a_list_once() {
        for count in [0, 1, 99, 100, 101, 5000] {
            let pages = Paging::of(count, 0).pages;
            let mut next = 0;
            for page in 0..pages {
                let paging = Paging::of(count, page);
                assert_eq!((paging.page, paging.start), (page, next));
                assert!(paging.end - paging.start <= PER_PAGE);
                next = paging.end;
            }
            assert_eq!(next, count);
            assert_eq!(Paging::of(count, usize::MAX).page, pages - 1);
        }
    }
}
