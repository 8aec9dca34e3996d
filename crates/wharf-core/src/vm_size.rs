//! Sizes of virtual machines, as far as the rules need them: cores and memory.

/// A machine size under the name that Azure gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmSize {
    /// For example `Standard_D3_v2`.
    pub name: &'static str,
    /// Virtual cores.
    pub cores: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// GPUs.
    pub gpus: u32,
}

const fn size(name: &'static str, cores: u32, memory_gib: u32, gpus: u32) -> VmSize {
    VmSize {
        name,
        cores,
        memory_mib: memory_gib * 1024,
        gpus,
    }
}

/// The size of nodes when a request names none (the SDK documents it as default).
pub const DEFAULT: &str = "Standard_D3_v2";

/// Sizes that scripts of the how-to and its samples name, from the public size
/// tables of Azure's general, compute, memory and GPU series.
pub const SIZES: &[VmSize] = &[
    size("Standard_A2_v2", 2, 4, 0),
    size("Standard_A4_v2", 4, 8, 0),
    size("Standard_A8_v2", 8, 16, 0),
    size("Standard_B2s", 2, 4, 0),
    size("Standard_B2ms", 2, 8, 0),
    size("Standard_B4ms", 4, 16, 0),
    size("Standard_D1_v2", 1, 3, 0),
    size("Standard_D2_v2", 2, 7, 0),
    size("Standard_D3_v2", 4, 14, 0),
    size("Standard_D4_v2", 8, 28, 0),
    size("Standard_D5_v2", 16, 56, 0),
    size("Standard_D11_v2", 2, 14, 0),
    size("Standard_D12_v2", 4, 28, 0),
    size("Standard_D13_v2", 8, 56, 0),
    size("Standard_D14_v2", 16, 112, 0),
    size("Standard_DS1_v2", 1, 3, 0),
    size("Standard_DS2_v2", 2, 7, 0),
    size("Standard_DS3_v2", 4, 14, 0),
    size("Standard_DS4_v2", 8, 28, 0),
    size("Standard_DS5_v2", 16, 56, 0),
    size("Standard_DS12_v2", 4, 28, 0),
    size("Standard_D2_v3", 2, 8, 0),
    size("Standard_D4_v3", 4, 16, 0),
    size("Standard_D8_v3", 8, 32, 0),
    size("Standard_D16_v3", 16, 64, 0),
    size("Standard_D2s_v3", 2, 8, 0),
    size("Standard_D4s_v3", 4, 16, 0),
    size("Standard_D8s_v3", 8, 32, 0),
    size("Standard_D16s_v3", 16, 64, 0),
    size("Standard_D2s_v5", 2, 8, 0),
    size("Standard_D4s_v5", 4, 16, 0),
    size("Standard_D8s_v5", 8, 32, 0),
    size("Standard_E2s_v3", 2, 16, 0),
    size("Standard_E4s_v3", 4, 32, 0),
    size("Standard_E8s_v3", 8, 64, 0),
    size("Standard_F2s_v2", 2, 4, 0),
    size("Standard_F4s_v2", 4, 8, 0),
    size("Standard_F8s_v2", 8, 16, 0),
    size("Standard_F16s_v2", 16, 32, 0),
    size("Standard_NC6", 6, 56, 1),
    size("Standard_NC12", 12, 112, 2),
    size("Standard_NC6s_v2", 6, 112, 1),
    size("Standard_NC6s_v3", 6, 112, 1),
    size("Standard_NC12s_v3", 12, 224, 2),
    size("Standard_NC24s_v3", 24, 448, 4),
    size("Standard_NC4as_T4_v3", 4, 28, 1),
    size("Standard_NC8as_T4_v3", 8, 56, 1),
    size("Standard_PB6s", 6, 112, 0),
];

/// Finds a size by its name, without regard to case.
pub fn find(name: &str) -> Option<&'static VmSize> {
    SIZES
        .iter()
        .find(|size| size.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_in_any_case() {
        for (index, size) in SIZES.iter().enumerate() {
            assert_eq!(find(&size.name.to_lowercase()), Some(size));
            assert!(SIZES[..index].iter().all(|other| other.name != size.name));
        }
        assert_eq!(find(DEFAULT).map(|size| size.cores), Some(4));
        assert_eq!(find("Standard_D3"), None);
    }
}
