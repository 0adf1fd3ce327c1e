use std::fmt;

use http::Uri;

use super::S3Error;

/// The requested bucket, with the rest of the path and the query as they are sent.
#[derive(Debug)]
pub(super) struct Bucket {
    name: String,
    /// The rest of the target: `/KEY?QUERY`, percent-encoded.
    rest: String,
}

/// The location of S3.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint<'a> {
    Amazon {
        region: &'a str,
        fips: bool,
        dual_stack: bool,
    },
    /// A configured address.
    Named(&'a Uri),
}

impl Bucket {
    /// Parses a target `/BUCKET/KEY?QUERY`.
    ///
    /// # Errors
    /// When the name of the bucket is invalid: it becomes part of a host name.
    pub(super) fn of(target: &Uri) -> Result<Self, S3Error> {
        let path = target.path();
        let path = path.strip_prefix('/').unwrap_or(path);
        let (name, key) = path.split_once('/').unwrap_or((path, ""));
        if !is_bucket(name) {
            return Err(S3Error::BadBucket {
                name: name.to_owned(),
            });
        }
        let query = target.query().map(|query| format!("?{query}"));
        Ok(Self {
            name: name.to_owned(),
            rest: format!("/{key}{}", query.unwrap_or_default()),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns `s3://BUCKET/KEY`, for people.
    pub(super) fn shown(&self) -> String {
        let key = self.rest.split('?').next().unwrap_or_default();
        let key = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
        format!("s3://{}{key}", self.name)
    }

    /// Returns true if the bucket may be part of a host name. No certificate covers a name with dots.
    fn can_be_host(&self) -> bool {
        !self.name.contains(['.', '_'])
    }
}

impl Endpoint<'_> {
    /// Returns the address of a bucket. Amazon's S3 has a host for each bucket. Other servers may not, so the
    /// bucket is in the path there.
    pub(super) fn address(self, bucket: &Bucket) -> Result<Uri, S3Error> {
        let Bucket { name, rest } = bucket;
        let text = match self {
            Self::Named(uri) => {
                let before = uri.path().trim_end_matches('/');
                let scheme = uri.scheme_str().unwrap_or("https");
                let host = uri.authority().map_or("", |it| it.as_str());
                format!("{scheme}://{host}{before}/{name}{rest}")
            }
            Self::Amazon { .. } if bucket.can_be_host() => format!("https://{name}.{self}{rest}"),
            Self::Amazon { .. } => format!("https://{self}/{name}{rest}"),
        };
        text.parse().map_err(|_| S3Error::Configuration {
            what: "address of S3".to_owned(),
            value: text,
        })
    }
}

/// Shows the host of Amazon's S3 in a region.
impl fmt::Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(uri) => write!(f, "{uri}"),
            Self::Amazon {
                region,
                fips,
                dual_stack,
            } => {
                let fips = if *fips { "-fips" } else { "" };
                let dual_stack = if *dual_stack { ".dualstack" } else { "" };
                write!(f, "s3{fips}{dual_stack}.{region}.{}", suffix(region))
            }
        }
    }
}

/// Returns the domain of the partition of a region. Source: `partitions.json` of botocore.
pub(super) fn suffix(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("us-isof-", "csp.hci.ic.gov"),
    ];
    let found = partitions
        .into_iter()
        .find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// Returns true for valid bucket names. Underscores are accepted too, because stores other than Amazon's
/// allow them. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket(name: &str) -> bool {
    let is_end = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.first().is_some_and(|b| is_end(*b))
        && bytes.last().is_some_and(|b| is_end(*b))
        && bytes.iter().all(|b| is_end(*b) || b"-._".contains(b))
        && !name.contains("..")
}

/// Returns true for valid regions: a region becomes part of a host name.
pub(super) fn is_region(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(target: &'static str) -> Bucket {
        Bucket::of(&Uri::from_static(target)).expect("a bucket")
    }

    fn amazon(region: &str) -> Endpoint<'_> {
        Endpoint::Amazon {
            region,
            fips: false,
            dual_stack: false,
        }
    }

    #[test]
    fn a_bucket_is_a_host_of_its_own_at_amazon_unless_its_name_has_dots() {
        let at = |endpoint: Endpoint<'_>, target| endpoint.address(&bucket(target)).unwrap();
        let ireland = amazon("eu-west-1");
        assert_eq!(
            at(ireland, "/acme/a/b%20c.json?versionId=7"),
            "https://acme.s3.eu-west-1.amazonaws.com/a/b%20c.json?versionId=7"
        );
        assert_eq!(
            at(ireland, "/acme.example/a"),
            "https://s3.eu-west-1.amazonaws.com/acme.example/a"
        );
        assert_eq!(
            at(amazon("cn-north-1"), "/acme/a"),
            "https://acme.s3.cn-north-1.amazonaws.com.cn/a"
        );
        let careful = Endpoint::Amazon {
            region: "us-gov-west-1",
            fips: true,
            dual_stack: true,
        };
        assert_eq!(
            at(careful, "/acme"),
            "https://acme.s3-fips.dualstack.us-gov-west-1.amazonaws.com/"
        );
    }

    #[test]
    fn elsewhere_a_bucket_is_in_the_path() {
        let uri = Uri::from_static("http://minio.local:9000/s3/");
        let address = Endpoint::Named(&uri).address(&bucket("/acme/a/b?x=y"));
        assert_eq!(address.unwrap(), "http://minio.local:9000/s3/acme/a/b?x=y");
    }

    #[test]
    fn what_would_be_another_host_is_no_bucket() {
        for target in [
            "/",
            "/ab/x",
            "/Acme/x",
            "/acme%2Eexample.com%2F/x",
            "/-acme/x",
            "/acme..example/x",
            "/acme@evil/x",
            "/acme:80/x",
        ] {
            let found = Bucket::of(&Uri::from_static(target));
            assert!(matches!(found, Err(S3Error::BadBucket { .. })), "{target}");
        }
        assert!(!is_region("eu-west-1.evil.example/") && !is_region("") && !is_region("EU"));
    }

    #[test]
    fn people_see_the_key_and_no_query() {
        let shown = bucket("/acme/a/b%20c?X-Amz-Security-Token=canary").shown();
        assert_eq!(shown, "s3://acme/a/b c");
    }
}
