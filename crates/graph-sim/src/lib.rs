//! A simulated Graph: devices, quotas, faults as data, counters.
