//! Functions of date-times.
