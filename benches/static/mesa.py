"""Mesa's drivers with what stands for their hardware, from a suite of Debian, unpacked in a folder of its own."""
import glob
import os
import subprocess
import sys

PACKAGES = ["mesa-vulkan-drivers", "mesa-drm-shim", "libvulkan1", "libgcc-s1"]


def prepare(work, suite):
    """The folder that they are in; nothing of the machine is changed."""
    apt, root = f"{work}/apt-{suite}", f"{work}/{suite}"
    if glob.glob(f"{root}/usr/lib/*/libvulkan_radeon.so"):
        return root
    for folder in ("lists/partial", "cache/archives/partial"):
        os.makedirs(f"{apt}/{folder}", exist_ok=True)
    sites = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=True)
    site = next((site for site in sites.stdout.split() if site.endswith("/debian")), None)
    if site is None:
        sys.exit("expected a Debian whose apt knows a mirror; `apt-get indextargets` names none (try `apt-get update`)")
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    files = {
        "status": "",
        "sources.list": f"deb [signed-by={keyring}] {site} {suite} main\n",
        "apt.conf": f'Dir::Etc::sourcelist "{apt}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
                    f'Dir::State::lists "{apt}/lists";\nDir::State::status "{apt}/status";\nDir::Cache "{apt}/cache";\n',
    }
    for name, text in files.items():
        with open(f"{apt}/{name}", "w") as file:
            file.write(text)
    install = ["install", "-y", "--no-install-recommends", "--download-only", *PACKAGES]
    env = {**os.environ, "APT_CONFIG": f"{apt}/apt.conf"}
    for what in (["update"], install):
        subprocess.run(["apt-get", "-qq", *what], env=env, check=True, stdout=sys.stderr)
    for deb in sorted(glob.glob(f"{apt}/cache/archives/*.deb")):
        print("unpacked", os.path.basename(deb), file=sys.stderr)
        subprocess.run(["dpkg", "-x", deb, root], check=True)
    return root
