# esbuild from its authors' release, with the one module that it uses: both as Debian has them.
use lib/go.nu

export def main [] {
  derivation esbuild "0.17.0" {
    src: (fetch debian golang-github-evanw-esbuild "0.17.0-1" --file "golang-github-evanw-esbuild_0.17.0.orig.tar.gz"
      --hash "sha256:bd59e0ed2eac5f3ca762b7c23e066bb71c63bcd027bc3c0d3e1b8f39c4338032")
    sources: {
      sys: (fetch debian golang-golang-x-sys "0.3.0-1" --file "golang-golang-x-sys_0.3.0.orig.tar.xz"
        --hash "sha256:2ab7618a6f8ba129c514232ae4f26975d8016e304022d2f7f19f608f419c8298")
    }
    language: go
    tools: (go tools)
    packages: (go packages)
    env: (go environment)
    build: {|p|
      go programs [github.com/evanw/esbuild/cmd/esbuild] --modules {
        "github.com/evanw/esbuild": src
        "golang.org/x/sys": sys
      }
    }
    check: {|p|
      ^esbuild --version | expect $"($p.version)\n"
      "let greeting: string = 'hello'; console.log(greeting + `, ${1 + 1}`)" | ^esbuild --loader=ts --minify | expect --contains "let greeting=\"hello\";console.log"
      expect-exit 1 { "let = =" | ^esbuild }
    }
    programs: (go bin [esbuild])
    permissions: { directory: write }
    meta: {
      description: "Bundles and minifies JavaScript, TypeScript and CSS"
      homepage: "https://esbuild.github.io"
      license: "MIT"
      purl: "pkg:golang/github.com/evanw/esbuild@v0.17.0"
    }
  }
}
