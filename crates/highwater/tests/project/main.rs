//! Loading projects and building their manifests, from files to graph.

mod oracle;
mod support;
