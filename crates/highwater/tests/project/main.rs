//! Loading projects and building their manifests, from files to graph.

mod configuration;
mod errors;
mod files;
mod packages;
mod references;
mod selection;
mod support;
mod tests_of_properties;
mod versions;
