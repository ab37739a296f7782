//! What power cuts, dying processes, full disks and errors may do to a root, and what they may not: rows F1 to F10 and F14 to F18 of the
//! fault matrix. [README.md](README.md) has the table and the command that prints its figures.

mod chains;
mod clocks;
mod disks;
mod faults;
mod full_disks;
mod groups;
mod hostile;
mod imports;
mod intraday;
mod limits;
mod merges;
mod mistaken;
mod mistakes;
mod once;
mod power_cut;
mod processes;
mod readers;
mod results;
mod rows;
mod schemas;
mod trace;
mod walk;
