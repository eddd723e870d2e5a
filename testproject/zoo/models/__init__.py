"""The animals, by what is peculiar about them."""

from .custom import *  # noqa: F403
from .keys import *  # noqa: F403
from .names import *  # noqa: F403
from .relations import *  # noqa: F403
from .tables import *  # noqa: F403
from .types import *  # noqa: F403
