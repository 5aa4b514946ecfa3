//! From builder to middleware: refuse, join, start.

use super::setters::BigBrotherBuilder;
use super::validation;
use crate::error::BuildError;
use crate::middleware::transform::BigBrother;
use crate::monitor::instance;
use crate::monitor::settings::Requested;

impl BigBrotherBuilder {
    /// The middleware.
    ///
    /// # Panics
    /// Where [`try_build`](Self::try_build) refuses, with its reason: a wrong
    /// configuration stops the start. In a server's factory that ends
    /// `HttpServer::run` with an error.
    ///
    /// ```
    /// # use actix_monitor::BigBrother;
    /// let middleware = BigBrother::builder().isolated().version("v0.1.2").build();
    /// ```
    #[track_caller]
    pub fn build(self) -> BigBrother {
        match self.try_build() {
            Ok(middleware) => middleware,
            #[expect(clippy::panic, reason = "a wrong configuration stops the start")]
            Err(refusal) => panic!("actix-monitor refuses its configuration: {refusal}"),
        }
    }

    /// The middleware, or why there is none.
    ///
    /// # Errors
    /// An option has a value that it cannot have, or asks a running monitor to be
    /// another: see [`BuildError`]. Nothing is started and nothing registered
    /// then.
    ///
    /// ```
    /// use actix_monitor::{BigBrother, BuildError};
    ///
    /// let refusal = BigBrother::builder().version("").try_build().unwrap_err();
    /// assert_eq!(refusal, BuildError::EmptyVersion);
    /// ```
    pub fn try_build(self) -> Result<BigBrother, BuildError> {
        self.validate()?;
        let monitor = if self.is_isolated {
            instance::isolated(&self.requested)
        } else {
            instance::join(&self.requested)?
        };
        monitor.watch(&self.dependencies)?;
        monitor.register_once(self.registrations);
        Ok(BigBrother::new(monitor, self.rules))
    }

    fn validate(&self) -> Result<(), BuildError> {
        let Requested { version, buckets, dependency_buckets, series_limit, const_labels, .. } =
            &self.requested;
        version.as_deref().map_or(Ok(()), validation::version)?;
        buckets.as_deref().map_or(Ok(()), |bounds| validation::buckets("buckets", bounds))?;
        dependency_buckets
            .as_deref()
            .map_or(Ok(()), |bounds| validation::buckets("dependency_buckets", bounds))?;
        series_limit.map_or(Ok(()), validation::series_limit)?;
        const_labels.as_deref().map_or(Ok(()), validation::const_labels)?;
        self.rules.endpoint.as_deref().map_or(Ok(()), validation::endpoint)?;
        self.rules.error_message.as_ref().map_or(Ok(()), validation::error_message)?;
        self.rules.excluded.iter().try_for_each(validation::exclude)?;
        validation::dependencies(&self.dependencies)
    }
}
