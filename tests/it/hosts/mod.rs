//! Several hosts, as network namespaces, against one machine: real `nats-server`, the real program.

mod equality;
mod faults;
mod features;
mod lab;
mod loss;
mod refusals;
mod secured;
