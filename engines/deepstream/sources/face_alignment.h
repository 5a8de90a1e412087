// Five landmarks onto ArcFace's template: what engines/align.py does; Umeyama 1991.
#pragma once

namespace tvradar {

constexpr int kChipPx = 112;
constexpr double kTemplatePx[5][2] = {
    {38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041}};

// Writes the row-major 2x3 matrix that maps pixels of the chip to pixels of the frame; false where
// the landmarks lie in one place. `points` is x and y of each, in pixels of the frame.
inline bool chip_to_frame(const double points[10], float inverse[6]) {
    double cx = 0, cy = 0, tx = 0, ty = 0;
    for (int i = 0; i < 5; ++i) {
        cx += points[2 * i] / 5;
        cy += points[2 * i + 1] / 5;
        tx += kTemplatePx[i][0] / 5;
        ty += kTemplatePx[i][1] / 5;
    }
    double energy = 0, real = 0, imaginary = 0;
    for (int i = 0; i < 5; ++i) {
        const double x = points[2 * i] - cx, y = points[2 * i + 1] - cy;
        const double u = kTemplatePx[i][0] - tx, v = kTemplatePx[i][1] - ty;
        energy += x * x + y * y;
        real += x * u + y * v;
        imaginary += x * v - y * u;
    }
    const double scale = real * real + imaginary * imaginary;
    if (energy < 1e-12 || scale < 1e-12) return false;
    // The inverse of a similarity a+bi is its conjugate over its square.
    const double a = real * energy / scale, b = -imaginary * energy / scale;
    inverse[0] = static_cast<float>(a);
    inverse[1] = static_cast<float>(-b);
    inverse[2] = static_cast<float>(cx - a * tx + b * ty);
    inverse[3] = static_cast<float>(b);
    inverse[4] = static_cast<float>(a);
    inverse[5] = static_cast<float>(cy - b * tx - a * ty);
    return true;
}

}  // namespace tvradar
