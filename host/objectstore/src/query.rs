//! Actions of Amazon's query services, such as RDS: a form is sent, and XML comes back.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Using_the_Query_API.html>

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::utf8_percent_encode;

use super::S3Error;
use super::address::{is_region, suffix};
use super::client::{DEFAULT_REGION, IDLE, Opened, S3, WAITS};
use super::error::is_throttling;
use super::objects::QUERY;
use super::refusal::Refusal;
use super::signature::{self, Service};

/// The maximum size of a response, in bytes.
const MAX_ANSWER: usize = 8 << 20;

/// One action of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The name of the service in its address and in signatures, such as `rds`.
    pub service: String,
    /// The version of the service's API, such as `2014-10-31`.
    pub version: String,
    /// The name of the action, such as `DescribeDBSnapshots`.
    pub name: String,
    /// The parameters of the action.
    pub parameters: Vec<(String, String)>,
    /// The region, if it is not that of the user's configuration.
    pub region: Option<String>,
    /// Whether the action changes nothing, so that it may be repeated.
    pub reads: bool,
}

impl S3 {
    /// Calls an action with the user's credentials, and returns the XML of its response.
    ///
    /// # Errors
    /// When the service refuses, or when no whole response comes.
    pub async fn call(&self, action: &Action, first_byte: Duration) -> Result<String, S3Error> {
        let opened = self.open().await?;
        let account = &opened.account;
        let region = action.region.as_deref().or(account.region.as_deref());
        let region = region.unwrap_or(DEFAULT_REGION);
        if !is_region(region) {
            return Err(S3Error::BadRegion {
                name: region.to_owned(),
            });
        }
        let address = address(opened, &action.service, region)?;
        let what = action.shown();
        let body = action.form();
        let mut waits = WAITS.iter();
        loop {
            let mut request = Request::post(address.clone())
                .header(
                    CONTENT_TYPE,
                    "application/x-www-form-urlencoded; charset=utf-8",
                )
                .body(body.clone())
                .map_err(|error| super::objects::not_sent(&error))?;
            let credentials = account.credentials().await?;
            let service = Service::Query(&action.service);
            signature::sign(&mut request, &credentials, region, service)?;
            let answer = opened.exchange(request, &what, first_byte).await?;
            if answer.status().is_success() {
                let body = Limited::new(answer.into_body(), MAX_ANSWER).collect();
                let late = |_| S3Error::TimedOut {
                    what: what.clone(),
                    after: IDLE,
                };
                let body = tokio::time::timeout(IDLE, body).await.map_err(late)?;
                let body = body.map_err(|error| S3Error::Cut {
                    what: what.clone(),
                    reason: error.to_string(),
                })?;
                return String::from_utf8(body.to_bytes().to_vec())
                    .map_err(|_| S3Error::NotUnderstood { what });
            }
            let refusal = Refusal::read(answer, IDLE).await;
            let may_repeat =
                is_throttling(refusal.status, &refusal.code) || (action.reads && refusal.is_busy());
            match waits.next().filter(|_| may_repeat) {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => {
                    return Err(S3Error::ActionRefused {
                        what,
                        status: refusal.status,
                        code: refusal.code,
                        message: refusal.message,
                    });
                }
            }
        }
    }
}

impl Action {
    /// Returns `SERVICE:ACTION`, as permissions of AWS are written.
    fn shown(&self) -> String {
        format!("{}:{}", self.service, self.name)
    }

    fn form(&self) -> Bytes {
        let fixed = [("Action", self.name.as_str()), ("Version", &self.version)];
        let given = self
            .parameters
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()));
        let pairs = fixed.into_iter().chain(given).map(|(name, value)| {
            let name = utf8_percent_encode(name, QUERY);
            format!("{name}={}", utf8_percent_encode(value, QUERY))
        });
        Bytes::from(pairs.collect::<Vec<_>>().join("&"))
    }
}

fn address(opened: &Opened, service: &str, region: &str) -> Result<Uri, S3Error> {
    let account = &opened.account;
    if let Some(configured) = account.endpoint_of(&service.to_ascii_uppercase())? {
        return Ok(configured);
    }
    let fips = if account.fips { "-fips" } else { "" };
    let domain = match suffix(region) {
        "amazonaws.com" if account.dual_stack => "api.aws",
        other => other,
    };
    let text = format!("https://{service}{fips}.{region}.{domain}/");
    text.parse().map_err(|_| S3Error::Configuration {
        what: format!("address of {service}"),
        value: text,
    })
}
