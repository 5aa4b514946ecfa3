//! The monitor among the middlewares and services that applications stack with it: inside and
//! outside of each, on the app, a scope and a resource.

#![cfg(test)]

mod middlewares;
mod places;
mod routes;
mod services;
mod sessions;
mod stack;
mod support;
mod uploads;
mod websockets;
