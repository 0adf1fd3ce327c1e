//! Actions of Amazon's query services, such as RDS, that the manifest names in `[aws.SERVICE]`.

use crate::error::Result;

#[cfg(target_family = "wasm")]
use crate::bindings::kubectl_broker::engine::aws as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::storage::aws as host;

/// An action under construction.
///
/// ```text
/// let xml = aws::action("rds", "DescribeDBSnapshots")
///     .parameter("DBInstanceIdentifier", "orders")
///     .call()?;
/// ```
#[derive(Clone, Debug)]
#[must_use = "an action does nothing until it is called"]
pub struct Action {
    service: String,
    name: String,
    parameters: Vec<(String, String)>,
    region: Option<String>,
}

/// Returns an action of a service in the manifest.
pub fn action(service: &str, name: &str) -> Action {
    Action {
        service: service.to_owned(),
        name: name.to_owned(),
        parameters: Vec::new(),
        region: None,
    }
}

impl Action {
    /// Adds a parameter. Lists are numbered as in the service's documentation: `Tags.Tag.1.Key`.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets another region than that of the user's configuration.
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Calls the action, and returns the XML of the response.
    ///
    /// # Errors
    /// Fails if the manifest does not allow the action, or if the service refuses it. The message has the
    /// service's error code.
    pub fn call(self) -> Result<String> {
        let region = self.region.as_deref();
        host::call(&self.service, &self.name, &self.parameters, region)
    }
}
