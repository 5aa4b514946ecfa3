//! From the builder to the middleware: validate, join the monitor, start checks.

use actix_web::web::Data;

use super::setters::BigBrotherBuilder;
use super::validation;
#[cfg(feature = "dashboard")]
use crate::endpoint::assets::Assets;
use crate::error::BuildError;
use crate::middleware::transform::BigBrother;
use crate::monitor::global;
use crate::monitor::handle::Monitor;
use crate::protocol::LOG;

impl BigBrotherBuilder {
    /// Builds the middleware.
    ///
    /// # Panics
    ///
    /// If the configuration is invalid: see [`try_build`](Self::try_build); or if a
    /// registration panics. The message is logged as an error as well, because a panic in a
    /// server's factory ends `HttpServer::run` with another message.
    #[track_caller]
    pub fn build(self) -> BigBrother {
        match self.try_build() {
            Ok(middleware) => middleware,
            Err(error) => {
                log::error!(target: LOG, "invalid configuration: {error}");
                #[expect(clippy::panic, reason = "an invalid configuration stops the start")]
                {
                    panic!("invalid configuration of actix-monitor: {error}")
                }
            }
        }
    }

    /// Builds the middleware, or returns why the configuration is invalid.
    ///
    /// Call it before the server is created and move a clone of the middleware into the
    /// factory: the error is then returned to the caller. In the factory, a panic ends
    /// `HttpServer::run`.
    ///
    /// # Errors
    ///
    /// If an option has an invalid value, or contradicts the monitor of the process.
    /// Nothing is started or registered then.
    ///
    /// # Examples
    ///
    /// ```
    /// use actix_monitor::BigBrother;
    /// use actix_web::{App, HttpServer};
    ///
    /// fn serve(version: &str) -> Result<(), Box<dyn std::error::Error>> {
    ///     let middleware = BigBrother::builder().isolated().version(version).try_build()?;
    ///     let server = HttpServer::new(move || App::new().wrap(middleware.clone()));
    ///     // … bind and run the server …
    ///     Ok(())
    /// }
    ///
    /// let error = serve("").unwrap_err();
    /// assert!(error.to_string().starts_with("version: "));
    /// assert!(serve("v0.1.2").is_ok());
    /// ```
    pub fn try_build(self) -> Result<BigBrother, BuildError> {
        self.validate()?;
        let monitor = if self.is_isolated {
            Data::new(Monitor::new(&self.shared))
        } else {
            global::get_or_init(&self.shared)?
        };
        monitor.extend(&self.dependencies, self.registrations)?;
        if self.has_openmetrics || self.options.exemplars.is_some() {
            monitor.offer_openmetrics();
        }
        #[cfg(feature = "dashboard")]
        if self.options.dashboard.is_some() {
            // Now, not on the worker that serves the first request of the page.
            Assets::get();
        }
        Ok(BigBrother::new(monitor, self.options))
    }

    fn validate(&self) -> Result<(), BuildError> {
        let shared = &self.shared;
        if let Some(version) = &shared.version {
            validation::version(version)?;
        }
        if let Some(bounds) = &shared.buckets {
            validation::buckets("buckets", bounds)?;
        }
        if let Some(bounds) = &shared.dependency_buckets {
            validation::buckets("dependency_buckets", bounds)?;
        }
        if let Some(limit) = shared.series_limit {
            validation::series_limit(limit)?;
        }
        if let Some(threshold) = shared.blocking_threshold {
            validation::blocking_threshold(threshold)?;
        }
        if let Some(labels) = &shared.const_labels {
            validation::const_labels(labels)?;
        }
        if let Some(labels) = &shared.labels {
            validation::labels(labels, shared.const_labels.as_deref().unwrap_or_default())?;
        }
        if let Some(bounds) = &shared.head_buckets {
            validation::buckets("request_head_seconds", bounds)?;
        }
        if let Some(endpoint) = &self.options.endpoint {
            validation::endpoint(endpoint)?;
        }
        #[cfg(feature = "dashboard")]
        if let Some(path) = &self.options.dashboard {
            validation::dashboard(path, self.options.endpoint.as_deref())?;
        }
        if let Some(source) = &self.options.error_message {
            validation::error_message(source)?;
        }
        self.options.excluded.iter().try_for_each(validation::exclude)?;
        let mut routes = self.options.observed_routes.iter();
        routes.try_for_each(|(pattern, _)| validation::observed_route(pattern))?;
        validation::registrations(&self.registrations)?;
        validation::dependencies(&self.dependencies)
    }
}
