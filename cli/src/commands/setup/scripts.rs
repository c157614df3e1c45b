//! What each shell reads.

use super::Shell;
use crate::daemon::quote;
use std::path::Path;

/// The script for a shell, where what is installed is at `profile`. `hook` is nuka, if directories' environments are entered.
pub fn of(shell: Shell, profile: &Path, hook: Option<&Path>) -> String {
    let profile = profile.display().to_string();
    let hook = hook.map(|nuka| nuka.display().to_string());
    let text = match shell {
        Shell::Bash | Shell::Zsh => sh(shell, &profile, hook.as_deref()),
        Shell::Fish => fish(&profile, hook.as_deref()),
        Shell::Nushell => nushell(&profile, hook.as_deref()),
    };
    format!("# nuka's own: written by `nuka setup`, removed by `nuka setup --undo`.\n{text}")
}

fn sh(shell: Shell, profile: &str, hook: Option<&str>) -> String {
    let mut text = format!(
        "\
nuka_profile={profile}
case \":$PATH:\" in
*\":$nuka_profile/bin:\"*) ;;
*)
  export PATH=\"$nuka_profile/bin:$PATH\"
  export MANPATH=\"$nuka_profile/share/man:${{MANPATH-}}\"
  export XDG_DATA_DIRS=\"$nuka_profile/share:${{XDG_DATA_DIRS:-/usr/local/share:/usr/share}}\"
  ;;
esac
if [ -r \"$nuka_profile/environment.sh\" ]; then . \"$nuka_profile/environment.sh\"; fi
",
        profile = quote::sh(profile)
    );
    if shell == Shell::Zsh {
        text.push_str("fpath=(\"$nuka_profile/share/zsh/site-functions\" $fpath)\n");
    }
    text.push_str("unset nuka_profile\n");
    match (shell, hook) {
        (_, None) => {}
        (Shell::Zsh, Some(nuka)) => {
            let nuka = quote::sh(nuka);
            text.push_str(&format!(
                "_nuka_hook() {{ eval \"$({nuka} __hook zsh)\"; }}\ntypeset -ag precmd_functions\n\
                 if [[ ${{precmd_functions[(ie)_nuka_hook]}} -gt ${{#precmd_functions}} ]]; then precmd_functions+=(_nuka_hook); fi\n"
            ));
        }
        (_, Some(nuka)) => {
            let nuka = quote::sh(nuka);
            text.push_str(&format!(
                "_nuka_hook() {{ local nuka_exit=$?; eval \"$({nuka} __hook bash)\"; return $nuka_exit; }}\n\
                 case \"${{PROMPT_COMMAND-}}\" in *_nuka_hook*) ;; *) PROMPT_COMMAND=\"_nuka_hook${{PROMPT_COMMAND:+;$PROMPT_COMMAND}}\" ;; esac\n"
            ));
        }
    }
    text
}

fn fish(profile: &str, hook: Option<&str>) -> String {
    let mut text = format!(
        "\
set -l nuka_profile {profile}
if not contains -- \"$nuka_profile/bin\" $PATH
    set -gx PATH \"$nuka_profile/bin\" $PATH
    set -q MANPATH; or set -gx MANPATH ''
    set -gx MANPATH \"$nuka_profile/share/man\" $MANPATH
    set -q XDG_DATA_DIRS; or set -gx XDG_DATA_DIRS /usr/local/share:/usr/share
    set -gx XDG_DATA_DIRS \"$nuka_profile/share:$XDG_DATA_DIRS\"
end
set -a fish_complete_path \"$nuka_profile/share/fish/vendor_completions.d\"
if test -r \"$nuka_profile/environment.fish\"
    source \"$nuka_profile/environment.fish\"
end
",
        profile = quote::fish(profile)
    );
    if let Some(nuka) = hook {
        text.push_str(&format!(
            "function _nuka_hook --on-event fish_prompt\n    {} __hook fish | source\nend\n",
            quote::fish(nuka)
        ));
    }
    text
}

fn nushell(profile: &str, hook: Option<&str>) -> String {
    // A text in Nushell's double quotes is as in JSON.
    let nu_quote = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = format!(
        "\
const nuka_profile = {profile}
if ($\"($nuka_profile)/bin\" not-in $env.PATH) {{
  $env.PATH = ($env.PATH | prepend $\"($nuka_profile)/bin\")
  $env.MANPATH = $\"($nuka_profile)/share/man:($env.MANPATH? | default '')\"
  $env.XDG_DATA_DIRS = $\"($nuka_profile)/share:($env.XDG_DATA_DIRS? | default '/usr/local/share:/usr/share')\"
}}
if ($\"($nuka_profile)/environment.json\" | path exists) {{
  load-env (open $\"($nuka_profile)/environment.json\" | get variables)
}}
",
        profile = nu_quote(profile)
    );
    if let Some(nuka) = hook {
        text.push_str(&format!(
            "$env.config.hooks.pre_prompt = ($env.config.hooks.pre_prompt | default [] | append {{|| load-env (^{} __hook nushell | from json) }})\n",
            nu_quote(nuka)
        ));
    }
    text
}
