//! Date-times: nanoseconds since the epoch, their text forms and their zones.
