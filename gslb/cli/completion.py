"""`gslb completion`: what a shell has to know to offer verbs, options and live names."""

import click

_NAMES = {"complete_func": "_gslb_completion", "complete_var": "_GSLB_COMPLETE", "prog_name": "gslb"}


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a shell.

    \\b
    bash: gslb completion bash > /etc/bash_completion.d/gslb
    zsh:  gslb completion zsh > "${fpath[1]}/_gslb"
    fish: gslb completion fish > ~/.config/fish/completions/gslb.fish

    Sites, pools, members and drains are asked of the node, for at most half a second.
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(ctx.find_root().command, {}, "gslb", "_GSLB_COMPLETE").source_template % _NAMES)
    return 0
