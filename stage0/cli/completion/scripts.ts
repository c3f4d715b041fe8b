import type { SHELLS } from './propose.ts';

// What these do is ask the program itself what can stand where the cursor is
// ("gantry complete"), so that they fit whatever version is installed. It is
// started by the name that was typed.

type Shell = (typeof SHELLS)[number];

/** The script that has a shell complete command lines of gantry. */
export const completionScript = (shell: Shell): string => SCRIPTS[shell];

const BASH = `# Completion of gantry for bash. Load it with: source <(gantry completion bash)

_gantry() {
    local rest=\${COMP_LINE:0:COMP_POINT} words=() piece

    # readline breaks words at = and :, which belong to them here.
    for piece in "\${COMP_WORDS[@]}"; do
        [[ -n $rest ]] || break
        if [[ $rest == [[:blank:]]* || \${#words[@]} -eq 0 ]]; then
            rest=\${rest#"\${rest%%[![:blank:]]*}"}
            words+=('')
            [[ -n $rest ]] || break
        fi
        [[ \${#piece} -le \${#rest} ]] || piece=$rest
        words[\${#words[@]} - 1]+=$piece
        rest=\${rest:\${#piece}}
    done

    local typed=\${words[\${#words[@]} - 1]} program=\${words[0]/#\\~/$HOME} line also='' found=()
    while IFS= read -r line; do
        case $line in
            :*) also=\${line#:} ;;
            *) found+=("\${line%%$'\\t'*}") ;;
        esac
    done < <("$program" complete -- "\${words[@]:1}" 2>/dev/null)

    local head='' path=$typed
    if [[ $typed == --*=* ]]; then
        head=\${typed%%=*}= path=\${typed#*=}
    fi
    if [[ -n $also ]]; then
        local kind=-f
        [[ $also == directories ]] && kind=-d
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do found+=("$head$line"); done < <(compgen "$kind" -- "$path")
    elif [[ \${#found[@]} -eq 1 && \${found[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi

    # What readline puts in begins after the last of its word breaks.
    local breaks=\${COMP_WORDBREAKS//[^=:]/} lead=''
    [[ -n $breaks ]] && lead=\${typed%"\${typed##*[$breaks]}"}
    COMPREPLY=("\${found[@]#"$lead"}")
}

complete -F _gantry gantry
`;

const ZSH = `#compdef gantry
# Completion of gantry for zsh. Put it into a folder of $fpath as _gantry, or load it with: source <(gantry completion zsh)

_gantry() {
    local program=\${\${(Q)words[1]}/#\\~/$HOME} typed=\${(Q)PREFIX} line also=''
    local -a plain open

    while IFS= read -r line; do
        case $line in
            :*) also=\${line#:} ;;
            *=$'\\t'*) open+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
            *$'\\t'*) plain+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
            *) plain+=("\${line//:/\\\\:}") ;;
        esac
    done < <("$program" complete -- "\${(@Q)words[2,CURRENT-1]}" "$typed" 2>/dev/null)

    _describe -t words word plain
    _describe -t flags flag open -S ''
    if [[ -n $also ]]; then
        [[ $typed == --*=* ]] && compset -P '--*='
        case $also in
            directories) _files -/ ;;
            *) _files ;;
        esac
    fi
}

if [[ \${funcstack[1]} == _gantry ]]; then
    _gantry "$@"
else
    compdef _gantry gantry
fi
`;

const FISH = `# Completion of gantry for fish. Put it into ~/.config/fish/completions/gantry.fish, or load it with: gantry completion fish | source

function __gantry_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l program $words[1]
    set -e words[1]

    set -l also ''
    for line in (command $program complete -- $words "$typed" 2>/dev/null)
        if string match -q ':*' -- $line
            set also $line
        else
            echo $line
        end
    end

    set -l head (string match -r -- '^--[^=]*=' "$typed"; or echo '')
    set -l path (string replace -- "$head" '' "$typed")
    switch $also
        case ':files'
            for line in (__fish_complete_path "$path")
                echo "$head$line"
            end
        case ':directories'
            for line in (__fish_complete_directories "$path")
                echo "$head$line"
            end
    end
end

complete -c gantry -f -a '(__gantry_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
