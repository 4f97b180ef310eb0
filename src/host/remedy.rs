//! What would allow more: data for `doctor`. The words stand in `narrate`.

/// Something that the machine's owner can do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Remedy {
    /// Let every program use user namespaces (Ubuntu 23.10 and later), until the next boot.
    AllowUserNamespacesInAppArmor,
    /// Let layerlab alone use user namespaces, for good.
    AppArmorProfile,
    /// Start the container without the filter that refuses `unshare`.
    ContainerSecurityOptions,
    /// Start the container with a writable `/proc/sys`.
    ContainerWritableSysctls,
    /// Start the container with `/dev/net/tun`.
    ContainerTun,
    /// Raise the limit on user namespaces, until the next boot.
    RaiseMaxUserNamespaces,
    /// Raise the limit on network namespaces, until the next boot.
    RaiseMaxNetNamespaces,
    /// Allow user namespaces to ordinary users (kernels with Debian's patch), until the next boot.
    AllowUnprivilegedClone,
    /// Load the kernel's tun module, until the next boot.
    LoadTun,
    /// Give ordinary users the TAP device, as most distributions do, until the next boot.
    OpenTunToAll,
}

impl Remedy {
    /// Each of them.
    pub const ALL: [Remedy; 10] = [
        Remedy::AllowUserNamespacesInAppArmor,
        Remedy::AppArmorProfile,
        Remedy::ContainerSecurityOptions,
        Remedy::ContainerWritableSysctls,
        Remedy::ContainerTun,
        Remedy::RaiseMaxUserNamespaces,
        Remedy::RaiseMaxNetNamespaces,
        Remedy::AllowUnprivilegedClone,
        Remedy::LoadTun,
        Remedy::OpenTunToAll,
    ];

    /// The exact lines for a shell, in order. `...` stands for the rest of the reader's own command.
    pub const fn commands(self) -> &'static [&'static str] {
        match self {
            Remedy::AllowUserNamespacesInAppArmor => {
                &["sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"]
            }
            Remedy::AppArmorProfile => &[
                r#"printf 'abi <abi/4.0>,\nprofile layerlab "%s" flags=(unconfined) {\n  userns,\n}\n' "$(command -v layerlab)" | sudo tee /etc/apparmor.d/layerlab"#,
                "sudo apparmor_parser -r /etc/apparmor.d/layerlab",
            ],
            Remedy::ContainerSecurityOptions => &["docker run --security-opt seccomp=unconfined ..."],
            // `systempaths=unconfined` alone is not enough where Docker's AppArmor profile denies
            // writing below /proc/sys.
            Remedy::ContainerWritableSysctls => &["docker run --privileged ..."],
            Remedy::ContainerTun => {
                &["docker run --security-opt seccomp=unconfined --device /dev/net/tun ..."]
            }
            Remedy::RaiseMaxUserNamespaces => &["sudo sysctl -w user.max_user_namespaces=15000"],
            Remedy::RaiseMaxNetNamespaces => &["sudo sysctl -w user.max_net_namespaces=15000"],
            Remedy::AllowUnprivilegedClone => &["sudo sysctl -w kernel.unprivileged_userns_clone=1"],
            Remedy::LoadTun => &["sudo modprobe tun"],
            Remedy::OpenTunToAll => &["sudo chmod 0666 /dev/net/tun"],
        }
    }

    /// Where it is documented.
    pub const fn source(self) -> &'static str {
        match self {
            Remedy::AllowUserNamespacesInAppArmor | Remedy::AppArmorProfile => {
                "https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces"
            }
            Remedy::ContainerSecurityOptions => "https://docs.docker.com/engine/security/seccomp/",
            Remedy::ContainerWritableSysctls | Remedy::ContainerTun => {
                "https://docs.docker.com/reference/cli/docker/container/run/"
            }
            Remedy::RaiseMaxUserNamespaces | Remedy::RaiseMaxNetNamespaces => {
                "https://man7.org/linux/man-pages/man7/namespaces.7.html"
            }
            Remedy::AllowUnprivilegedClone => {
                "https://www.debian.org/releases/bullseye/amd64/release-notes/ch-information.en.html"
            }
            Remedy::LoadTun | Remedy::OpenTunToAll => "https://docs.kernel.org/networking/tuntap.html",
        }
    }
}
